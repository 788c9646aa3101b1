import { expect, it } from "bun:test";
import { join } from "node:path";
import { openBuildRegistry } from "../../test/support/build-registry.ts";
import { run } from "../../test/support/command.ts";
import { createDebianRepository } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { sandboxProblem } from "../../test/support/sandbox-tree.ts";
import { HAS_APT, lockTextOf } from "../../test/support/small-distribution.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";

const PROGRAM = join(import.meta.dir, "main.ts");
const [OWN, FOREIGN] = process.arch === "arm64" ? ["arm64", "amd64"] : ["amd64", "arm64"];
const PROBLEM = HAS_APT ? await sandboxProblem() : "no apt";

describeWith("slipway build for another processor", PROBLEM === undefined, PROBLEM ?? "", () => {
  it("unpacks the packages, says why they are not configured, and so does the lock", async () => {
    await using folder = await temporaryFolder("build-foreign");
    const repository = await createDebianRepository(folder.path);
    const program = { name: "program", fields: { Architecture: FOREIGN, Depends: "data" }, hasFile: true };
    await repository.publish([program, { name: "data", hasFile: true }]);
    const data = join(folder.path, "data");
    const built = await run([process.execPath, PROGRAM, "build", `apt/${FOREIGN}/program`], {
      SLIPWAY_DATA: data,
      SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
      SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
      SLIPWAY_BUILDER_APT_INCLUDE: "[]",
      SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox",
      SLIPWAY_BUILDER_SEARCH: "false",
    });
    const reason = `the image is for ${FOREIGN}, and this host runs programs for ${OWN}`;
    expect(built.stderr).toContain(`unpack    packages are not configured: ${reason}\n`);
    expect(built.exitCode).toBe(0);
    await using registry = await openBuildRegistry({ data, aptState: join(data, "apt") });
    expect(JSON.parse(await lockTextOf(registry, `apt/${FOREIGN}/program`))).toMatchObject({
      platform: { os: "linux", architecture: FOREIGN },
      finisher: { mode: "unpacked" },
      closure: [{ architecture: "all" }, { name: "program", architecture: FOREIGN }],
    });
  }, 120_000);
});
