import { describe, expect, it } from "bun:test";
import { judge, readTests } from "./results.ts";

const REPORT = `<testsuites><testsuite name="suite">
  <testcase name="[It] one" classname="c" status="passed" time="0.1"></testcase>
  <testcase name="[It] two" classname="c" status="skipped" time="0"><skipped message="x"></skipped></testcase>
  <testcase name="[It] three" classname="c" status="failed" time="0"></testcase>
</testsuite></testsuites>`;

const ran = (...statuses: readonly string[]) => ({
  tests: statuses.map((status, index) => ({ name: `test ${index}`, status })),
  exitCode: 0,
  stdout: "said ",
  stderr: "more",
});

describe("a report of the conformance suite", () => {
  it("is read test by test", () => {
    expect(readTests(REPORT)).toEqual([
      { name: "[It] one", status: "passed" },
      { name: "[It] two", status: "skipped" },
      { name: "[It] three", status: "failed" },
    ]);
  });

  it("is fine when all tests passed, but for those that are known to be skipped", () => {
    expect(judge(ran("passed", "skipped", "passed"), [{ test: "test 1", reason: "why" }])).toEqual({
      passed: 2,
      skipped: 1,
      problems: [],
      output: "said more",
    });
  });

  it.each(["skipped", "failed", "panicked"])("is not fine when a test %s", (status) => {
    expect(judge(ran("passed", status), []).problems).toEqual([`${status}: test 1`]);
  });

  it.each(["passed", "failed"])("is not fine when a test known to be skipped %s", (status) => {
    const { problems } = judge(ran("passed", status), [{ test: "test 1", reason: "why" }]);
    expect(problems).toEqual([`${status}, and is known to be skipped (why): test 1`]);
  });

  it("is not fine when no test passed, or none is called as a known skip is", () => {
    expect(judge(ran(), []).problems).toEqual(["no test passed"]);
    const { problems } = judge(ran("passed"), [{ test: "gone", reason: "why" }]);
    expect(problems).toEqual(["known to be skipped, and no test of the suite: gone"]);
  });

  it("is not fine when the program failed although its tests did not", () => {
    expect(judge({ ...ran("passed"), exitCode: 3 }, []).problems).toEqual(["the suite ended with 3"]);
  });
});
