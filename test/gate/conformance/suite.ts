/** One version of the official conformance suite, and how it is run. */
export interface Suite {
  /** Its name in messages, such as "the suite's newer version". */
  readonly title: string;
  /** Its name in `.ci/go-tools`. */
  readonly program: "conformance" | "conformance-1.1";
  readonly runs: readonly SuiteRun[];
}

/** One run of a suite with its settings. */
export interface SuiteRun {
  readonly title: string;
  /** Settings that the server must use. */
  readonly server: Readonly<Record<string, string>>;
  /** Runs it against the registry at `url`, in new repositories below `prefix`. */
  run(program: string, url: string, prefix: string): Promise<SuiteReport>;
}

/** What a run found. */
export interface SuiteReport {
  readonly passed: number;
  /** Tests that were skipped as expected. */
  readonly skipped: number;
  /** The problems, one line each. */
  readonly problems: readonly string[];
  /** The suite's output. */
  readonly output: string;
}
