import type { SuiteProgram } from "./program.ts";

/** One version of the official conformance suite, and how it is run. */
export interface Suite {
  /** Such as "the suite's newer version". */
  readonly title: string;
  readonly program: SuiteProgram;
  readonly runs: readonly SuiteRun[];
}

/** One run of a suite with its settings. */
export interface SuiteRun {
  readonly title: string;
  /** Settings that the server must have been started with. */
  readonly server: Readonly<Record<string, string>>;
  /** Runs it against the registry at `url`, in repositories below `prefix`, of which there are none yet. */
  run(program: string, url: string, prefix: string): Promise<SuiteReport>;
}

/** What a run found. */
export interface SuiteReport {
  readonly passed: number;
  /** Tests that were skipped, as they are known to be. */
  readonly skipped: number;
  /** What is not as it must be, a line each. */
  readonly problems: readonly string[];
  /** What the suite printed. */
  readonly output: string;
}
