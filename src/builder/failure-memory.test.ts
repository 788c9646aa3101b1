import { afterEach, beforeEach, describe, expect, it, setSystemTime } from "bun:test";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import { FailureMemory } from "./failure-memory.ts";
import type { PackageRequest } from "./package-source.ts";

const START = Date.UTC(2026, 0, 1);
const AMD64 = { os: "linux", architecture: "amd64" };
const request = (...packages: readonly string[]) => asked({ packages });
const asked = (changed: Partial<PackageRequest>, source = "apt") => ({
  source: { name: source },
  request: { packages: [], platform: AMD64, revision: "latest", ...changed },
});
const failure = (fault: Fault) => new RegistryError(fault, "no");
const at = (seconds: number) => setSystemTime(new Date(START + seconds * 1000));

beforeEach(() => {
  at(0);
});
afterEach(() => {
  setSystemTime();
});

describe("the memory of failed builds", () => {
  it("answers an equal request with the same failure until its time is over", () => {
    const memory = new FailureMemory(60);
    const output = new Error("what a command wrote");
    const conflict = new RegistryError("package-conflict", "no", { detail: { reason: "c" }, cause: output });
    memory.add(request("a", "b"), "1", conflict);
    at(59);
    const { fault, message, detail } = conflict;
    const found = memory.find(request("a", "b"), "1");
    expect(found).toMatchObject({ fault, message, detail });
    expect(found?.cause).toBeUndefined();
    expect(memory.find(request("a"), "1")).toBeUndefined();
    const packages = ["a", "b"];
    for (const other of [
      asked({ packages, platform: { os: "linux", architecture: "arm64" } }),
      asked({ packages, revision: "older" }),
      asked({ packages }, "nix"),
    ]) {
      expect(memory.find(other, "1")).toBeUndefined();
    }
    at(60);
    expect(memory.find(request("a", "b"), "1")).toBeUndefined();
  });

  it("forgets failures when the package lists change", () => {
    const memory = new FailureMemory(60);
    memory.add(request("a"), "1", failure("package-conflict"));
    expect(memory.find(request("a"), "2")).toBeUndefined();
    memory.add(request("a"), "2", failure("package-conflict"));
    // As a request does that waited while the lists were refreshed.
    expect(memory.find(request("a"), "1")).toBeUndefined();
    expect(memory.find(request("a"), "2")).toBeDefined();
  });

  it("keeps temporary failures for a short time", () => {
    const memory = new FailureMemory(60);
    memory.add(request("a"), "1", failure("build-failed"));
    at(9);
    expect(memory.find(request("a"), "1")).toBeDefined();
    at(10);
    expect(memory.find(request("a"), "1")).toBeUndefined();
  });

  it("keeps nothing of a full or failing storage, of a refusal, and with 0 seconds", () => {
    const memory = new FailureMemory(60);
    for (const fault of ["storage-full", "storage-unavailable", "too-many-requests"] as const) {
      memory.add(request(fault), "1", failure(fault));
      expect(memory.find(request(fault), "1")).toBeUndefined();
    }
    const none = new FailureMemory(0);
    none.add(request("a"), "1", failure("package-conflict"));
    expect(none.find(request("a"), "1")).toBeUndefined();
  });

  it("keeps the newest thousand", () => {
    const memory = new FailureMemory(60);
    for (let i = 0; i <= 1000; i += 1) memory.add(request(`p${i}`), "1", failure("package-conflict"));
    expect(memory.find(request("p0"), "1")).toBeUndefined();
    expect(memory.find(request("p1"), "1")).toBeDefined();
    expect(memory.find(request("p1000"), "1")).toBeDefined();
  });
});
