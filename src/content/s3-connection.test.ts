import { describe, expect, it } from "bun:test";
import { retryingFolderRemoval } from "./s3-connection.ts";

/** Fails `times` times with an error of that name, then resolves to the number of calls. */
function failing(times: number, name: string): () => Promise<number> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw Object.assign(new Error(name), { name });
    return calls;
  };
}

// versitygw 1.8 answers like this to a PUT into a folder whose last object is being removed. Seen in the cluster's
// stress test.
describe("retryingFolderRemoval", () => {
  it("retries when the folder is removed at the same moment", async () => {
    expect(await retryingFolderRemoval(failing(3, "ExistingObjectIsDirectory"))).toBe(4);
  });

  it("gives up after a few times", async () => {
    await expect(retryingFolderRemoval(failing(4, "ExistingObjectIsDirectory"))).rejects.toThrow(
      "ExistingObject",
    );
  });

  it("leaves other failures to the caller", async () => {
    await expect(retryingFolderRemoval(failing(1, "AccessDenied"))).rejects.toThrow("AccessDenied");
  });
});
