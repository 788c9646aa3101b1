import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseConffilePaths, parseDpkgPackage } from "./dpkg-package.ts";
import { formatPlan, planBase } from "./dpkg-plan.ts";
import { parseTriggerInterests } from "./dpkg-triggers.ts";

const words = (...all: readonly string[]) =>
  fc.array(fc.oneof(fc.constantFrom(...all), fc.string({ maxLength: 3 })), { maxLength: 20 });

const control = words(
  ..."Package: |ab|libc6|Version: |1:2-3|Architecture: |amd64|Depends: |Status: |Conffiles:|\n|\n |\n\n|,| | ("
    .split("|")
    .concat("|", ")", ">= 1", ":any", "\t", "\r", "\0"),
).map((all) => all.join(""));
const valid = fc.tuple(control, control).map(([before, after]) => {
  return `${before}\nPackage: libc6\nVersion: 1\nArchitecture: all\n${after}`;
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

describe("a control stanza of any text", () => {
  it("is refused, or is one stanza with words that are safe in a plan", () => {
    fc.assert(
      fc.property(fc.oneof(control, valid), (text) => {
        const one = attempt(() => parseDpkgPackage(text, { hasPreinst: true, conffiles: [] }));
        if (one === undefined) return;
        expect(one.control.split("\n").filter((line) => line.trim() === "")).toEqual([]);
        expect(one.control).not.toMatch(/^(?:status|conffiles):/im);
        expect(formatPlan(planBase([one]))).toMatch(/^preinst [a-z0-9+.-]+ [a-z0-9+.:-]+ [a-z0-9-]+\n$/);
        for (const name of [...one.preDepends, ...one.depends, one.provides].flat()) {
          expect(name).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
        }
      }),
    );
  });
});

describe("triggers of any text", () => {
  it("are refused, or are words that are safe in a plan and as the name of a file", () => {
    const text = words(
      "interest",
      "interest-noawait",
      "activate",
      " ",
      "\n",
      "/usr/x",
      "..",
      "#",
      "ldconfig",
      "\t",
    );
    fc.assert(
      fc.property(
        text.map((all) => all.join("")),
        (triggers) => {
          for (const { trigger } of attempt(() => parseTriggerInterests(triggers)) ?? []) {
            expect(trigger).toMatch(/^(?:\/[!-~]+|[A-Za-z0-9][!-.0-~]*)$/);
          }
        },
      ),
    );
  });

  it("say whether the other package waits", () => {
    const text =
      "# a comment\ninterest-noawait /usr/lib\n interest-await  ab \ninterest /x\nactivate ldconfig\n\n";
    expect(parseTriggerInterests(text)).toEqual([
      { trigger: "/usr/lib", awaits: false },
      { trigger: "ab", awaits: true },
      { trigger: "/x", awaits: true },
    ]);
  });

  it.each([
    "interest",
    "interest /a b",
    "watch /a",
    "interest ../status",
    "interest a/b",
    "interest File",
    "interest -x",
    "interest é",
  ])("are refused: %s", (line) => {
    expect(() => parseTriggerInterests(line)).toThrow("trigger line");
  });
});

describe("a list of conffiles of any text", () => {
  it("has absolute paths without line breaks", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const path of parseConffilePaths(text)) expect(path).toMatch(/^\/[^\n]*$/);
      }),
    );
  });
});
