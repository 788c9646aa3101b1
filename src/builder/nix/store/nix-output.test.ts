import { describe, expect, it } from "bun:test";
import { readNixTexts } from "../../../../test/support/nix-texts.ts";
import { parsePlan } from "./nix-output.ts";

describe.each(readNixTexts().map((texts) => [texts.version, texts] as const))(
  "a plan of Nix %s",
  (_, texts) => {
    const planOf = (name: string) => parsePlan(texts.plans[name]?.stderr ?? "");

    it("has one package to build", () => {
      expect(planOf("one")).toEqual({ fetchedBytes: 0, built: ["large"] });
    });

    it("has several packages to build, and those that they need", () => {
      const { built } = planOf("built");
      expect(built.toSorted()).toEqual(["fails-inside", "large", "needs-failing"]);
    });

    it("has about the bytes to fetch, unpacked", () => {
      const { fetchedBytes, built } = planOf("fetched");
      expect(built).toEqual([]);
      expect(fetchedBytes).toBeGreaterThan(2_900_000);
      expect(fetchedBytes).toBeLessThan(3_100_000);
    });

    it("is empty when a derivation is missing", () => {
      expect(planOf("missing")).toEqual({ fetchedBytes: 0, built: [] });
    });
  },
);
