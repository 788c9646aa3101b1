import { expect, it } from "bun:test";
import { RegistryError } from "./registry-error.ts";
import { StorageError, storageFailure } from "./storage-error.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: open '/srv/registry/data'`), { code });
}

it("derives the condition from the system's error code", () => {
  const conditionOf = (code: string) => new StorageError("disk", "write", "key", systemError(code)).condition;
  expect(conditionOf("ENOSPC")).toBe("full");
  expect(conditionOf("EDQUOT")).toBe("full");
  expect(conditionOf("EFBIG")).toBe("full");
  expect(conditionOf("EROFS")).toBe("read-only");
  expect(conditionOf("EIO")).toBe("failing");
  expect(conditionOf("EMFILE")).toBe("busy");
  // Often it only means that something is absent.
  expect(conditionOf("ENOENT")).toBeUndefined();
});

it("tells the client the reason without a path, and the operator where and what to do", () => {
  const error = new StorageError("disk", "append to upload", "/srv/registry/data", systemError("ENOSPC"));
  const failure = storageFailure(new Error("a build failed", { cause: error }));
  expect(failure?.error.fault).toBe("storage-full");
  expect(failure?.error.message).toBe("the registry's storage is full");
  expect(failure?.error.detail).toBeUndefined();
  expect(failure?.storage).toEqual({
    driver: "disk",
    operation: "append to upload",
    key: "/srv/registry/data",
  });
  expect(failure?.remedy).toContain("free some space");
});

it("finds a system error that no storage reported", () => {
  expect(storageFailure(systemError("EROFS"))?.error.fault).toBe("storage-unavailable");
});

it("does not report failures that are not the storage's", () => {
  expect(storageFailure(new Error("a bug"))).toBeUndefined();
  expect(
    storageFailure(new StorageError("disk", "open", "key", "holds 3 bytes, expected 4")),
  ).toBeUndefined();
  // An error that has a fault keeps it, whatever its cause.
  const known = new RegistryError("digest-mismatch", "other bytes", { cause: systemError("EIO") });
  expect(storageFailure(known)).toBeUndefined();
});
