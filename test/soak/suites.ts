/** A soak suite: a program that takes all random choices from a seed and runs for about a given time. */
export interface SoakSuite {
  readonly name: string;
  readonly summary: string;
  /** Arguments for Bun. A program among them takes `--seed` and `--seconds`; test files take neither. */
  readonly command: (seed: number, seconds: number) => readonly string[];
}

const LOAD_TESTS = ["load", "metadata-log", "pauses", "slow-manifests"].map(
  (name) => `./test/soak/load/${name}.soak.ts`,
);

/** All suites, in the order in which `npm run soak` runs them. */
export const SOAK_SUITES: readonly SoakSuite[] = [
  program("fuzz", "valid, mutated, conditional and slow requests; every answer is checked", "fuzz/run.ts"),
  program("chaos", "clients of a cluster whose processes are killed and hung", "chaos/run.ts"),
  program("crash", "clients of one server that is killed again and again", "crash/run.ts"),
  program(
    "faults",
    "a server that is killed, or whose disk fails, at any of its system calls",
    "faults/run.ts",
  ),
  program("power-cut", "what a power cut at any moment leaves of what was acknowledged", "power-cut/run.ts"),
  {
    name: "load",
    summary: "clients that stall, flood and hang: answers stay prompt and memory small",
    command: () => ["test", "--timeout=120000", ...LOAD_TESTS],
  },
  program(
    "memory",
    "resident memory beside clients that take it, and beside large blobs",
    "pressure/memory.ts",
  ),
  program(
    "latency",
    "how long small answers take beside clients that take their time",
    "pressure/latency.ts",
  ),
  program("nix", "builds from Nix: at once, without end, and beside a store that is collected", "nix/run.ts"),
  program(
    "images",
    "images of Debian packages put to work, beside mmdebstrap's trees of the same packages",
    "images/run.ts",
  ),
  program("start-up", "how long `npm start` takes until the registry answers", "start-up/run.ts"),
];

function program(name: string, summary: string, path: string): SoakSuite {
  const command: SoakSuite["command"] = (seed, seconds) => [
    `test/soak/${path}`,
    ...["--seed", String(seed), "--seconds", String(seconds)],
  ];
  return { name, summary, command };
}
