import { expect, it } from "bun:test";
import { join } from "node:path";
import { openBuildRegistry } from "../../test/support/build-registry.ts";
import { installed } from "../../test/support/command.ts";
import { createDebianRepository } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { canMount, smallFileSystem } from "../../test/support/small-file-system.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { parseTag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { aptFailure } from "./apt/apt-output.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");

describeWith("with apt, on a small file system", HAS_APT && canMount(), "apt and root are needed", () => {
  it("says that a build failed for a full disk", async () => {
    await using disk = await smallFileSystem(4);
    await using folder = await temporaryFolder("full-disk");
    const repository = await createDebianRepository(folder.path);
    await repository.publish([{ name: "tiny", hasFile: true }]);
    await using registry = await openBuildRegistry({
      data: disk.path,
      aptState: join(disk.path, "apt"),
      sourcesFile: repository.sourcesFile,
      essential: false,
    });
    disk.fill();
    const building = registry.builder.ensure(parseRepositoryName("apt/tiny"), parseTag("latest"), {
      callerKey: "somebody",
    });
    const failure = await building.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RegistryError);
    expect((failure as RegistryError).fault).toBe("storage-full");
    expect((failure as RegistryError).message).toBe("the registry's storage is full");
  }, 120_000);
});

it("recognises apt's message about a full disk", () => {
  const message = "downloading the packages failed";
  const faultOf = (stderr: string) => aptFailure(message, stderr).fault;
  expect(faultOf("E: You don't have enough free space in /srv/data/apt/cache/archives/.")).toBe(
    "storage-full",
  );
  expect(faultOf("E: Write error - write (28: No space left on device)")).toBe("storage-full");
  expect(faultOf("E: Failed to fetch http://mirror/x.deb  404  Not Found")).toBe("build-failed");
  expect(aptFailure(message, "E: Write error - write (28: No space left on device)")).toMatchObject({
    message: "the registry's storage is full",
    detail: { reason: expect.stringContaining("No space left on device") },
  });
});
