import { expect, it } from "bun:test";
import { BuildDisplay } from "./build-display.ts";

/** What a display prints for a failure. */
function shown(detail: unknown): string {
  let text = "";
  const output = { write: (line: string) => (text += line) } as unknown as NodeJS.WriteStream;
  new BuildDisplay(output, true).fail("cannot build a", detail);
  return text;
}

it("shows a failure's detail, whatever it contains", () => {
  expect(shown(undefined)).toBe("slipway: cannot build a\n");
  expect(shown("why")).toBe("slipway: cannot build a\nwhy\n");
  expect(shown({ packages: ["a", "b"], limit: 64, script: undefined, near: { a: ["c"] } })).toBe(
    'slipway: cannot build a\n  packages: a, b\n  limit: 64\n  near: {"a":["c"]}\n',
  );
  expect(shown({ packages: [{ name: "a", reason: "its build failed" }] })).toBe(
    'slipway: cannot build a\n  packages: {"name":"a","reason":"its build failed"}\n',
  );
});
