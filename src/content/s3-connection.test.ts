import { describe, expect, it } from "bun:test";
import { besideFolderRemoval } from "./s3-connection.ts";

/** Fails so many times with an error of that name, then resolves to how often it was called. */
function failing(times: number, name: string): () => Promise<number> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw Object.assign(new Error(name), { name });
    return calls;
  };
}

// As versitygw 1.8 answers a PUT into a folder whose last object goes in that moment; seen in the cluster's stress.
describe("besideFolderRemoval", () => {
  it("retries when the folder is removed at the same moment", async () => {
    expect(await besideFolderRemoval(failing(3, "ExistingObjectIsDirectory"))).toBe(4);
  });

  it("gives up after a few times", async () => {
    await expect(besideFolderRemoval(failing(4, "ExistingObjectIsDirectory"))).rejects.toThrow(
      "ExistingObject",
    );
  });

  it("leaves other failures to the caller", async () => {
    await expect(besideFolderRemoval(failing(1, "AccessDenied"))).rejects.toThrow("AccessDenied");
  });
});
