import { describe, expect, it } from "bun:test";
import { firstSubordinate } from "./id-map.ts";

const FILE = "other:100000:65536\nsmall:5000:10\n1000:300000:65536\nuser:200000:65536\nuser:bad:65536\n";

describe("subordinate ids", () => {
  it("are those of the first line for the name or the number", () => {
    expect(firstSubordinate(FILE, ["user"], 65_536)).toBe(200_000);
    expect(firstSubordinate(FILE, ["user", "1000"], 65_536)).toBe(300_000);
  });

  it("are absent without a line of enough ids", () => {
    expect(firstSubordinate(FILE, ["small"], 65_535)).toBeUndefined();
    expect(firstSubordinate(FILE, ["user"], 65_537)).toBeUndefined();
    expect(firstSubordinate("", ["user"], 1)).toBeUndefined();
  });
});
