import { describe, expect, it } from "bun:test";
import { digestOf } from "../oci/digest.ts";
import { createLock, joinLocks } from "./image-lock.ts";
import type { PackageRequest, PackageSource, Resolution } from "./package-source.ts";
import { nixeryPlan } from "./plan/nixery-plan.ts";
import { NO_POPULARITY, parsePopularity } from "./plan/popularity.ts";
import { sizePlan } from "./plan/size-plan.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

interface Case {
  readonly source?: string;
  readonly formatVersion?: string;
  readonly platform?: PackageRequest["platform"];
  readonly packages?: readonly string[];
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly plan?: typeof sizePlan;
  readonly budget?: number;
}

function digestOfLock({ source = "a", formatVersion = "1", platform = AMD64, ...rest }: Case = {}): string {
  const { packages = ["x"], inputs = { closure: [] }, plan = sizePlan, budget = 94 } = rest;
  const from = { name: source, formatVersion } as PackageSource;
  const resolution = { packages, lockInputs: inputs } as unknown as Resolution;
  const request = { packages, platform, revision: "latest" };
  return createLock(from, request, resolution, { plan, budget }).digest;
}

describe("the lock of an image", () => {
  it("is the same for the same inputs, and another one for whatever an image depends on", () => {
    expect(digestOfLock()).toBe(digestOfLock());
    const others: readonly Case[] = [
      { source: "b" },
      { formatVersion: "2" },
      { platform: ARM64 },
      { packages: ["x", "y"] },
      { packages: ["xy"] },
      { inputs: { closure: ["p"] } },
      { inputs: { closure: [], origin: { kind: "git", url: "https://one.invalid" } } },
      { inputs: { closure: [], origin: { kind: "git", url: "https://two.invalid" } } },
      { budget: 20 },
      { plan: nixeryPlan(NO_POPULARITY) },
      { plan: nixeryPlan(parsePopularity('{"x": 2}')) },
      { plan: nixeryPlan(parsePopularity('{"x": 3}')) },
    ];
    const digests = [digestOfLock(), ...others.map(digestOfLock)];
    expect(new Set(digests).size).toBe(others.length + 1);
  });

  it("of an index is that of its images, in order", () => {
    const lock = (text: string) => ({ bytes: new TextEncoder().encode(text), digest: digestOf(text) });
    const both = joinLocks([lock("one"), lock("two")]);
    expect(joinLocks([lock("one"), lock("two")])).toEqual(both);
    expect(joinLocks([lock("two"), lock("one")]).digest).not.toBe(both.digest);
  });
});
