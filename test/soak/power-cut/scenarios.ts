import type { RecordingOptions } from "../../support/crashes/recording.ts";

/** A run of the server to record, and how many states to try. */
export interface PowerCutScenario {
  readonly name: string;
  readonly states: number;
  readonly options: Omit<RecordingOptions, "seed">;
  /** Whether to try it with each class of syncs left out too. */
  readonly losesSyncs?: boolean;
}

const LOAD = { clients: 3, steps: 25 };

export const SCENARIOS: readonly PowerCutScenario[] = [
  {
    name: "direct-writes",
    states: 1_000,
    options: { ...LOAD, ends: ["SIGKILL"] },
    losesSyncs: true,
  },
  {
    name: "cached-writes",
    states: 1_000,
    options: {
      ...LOAD,
      ends: ["SIGKILL"],
      variables: { SLIPWAY_CONTENT_DRIVER: "filesystem", SLIPWAY_CONTENT_DIRECT_WRITES: "false" },
    },
  },
  {
    name: "checkpoints",
    states: 500,
    options: { ...LOAD, clients: 4, steps: 60, ends: ["SIGKILL"], checkpointPages: 20 },
  },
  { name: "restart", states: 500, options: { ...LOAD, ends: ["SIGKILL", "SIGTERM", "SIGKILL"] } },
  {
    name: "failed-sync",
    states: 300,
    options: { ...LOAD, ends: ["SIGKILL", "SIGKILL"], inject: [["fdatasync:error=EIO:when=9"]] },
  },
];

/** The syncs that the server makes, by what they make safe. */
export const SYNC_CLASSES: readonly (readonly [string, RegExp])[] = [
  ["the log", /-wal$/],
  ["the database", /metadata\.sqlite$/],
  ["an upload's bytes", /\/uploads\/[^/]+\/data$/],
  ["a blob's folder", /\/sha256\/..\/[0-9a-f]{64}$/],
  ["folders of two digits", /\/sha256\/..$/],
  ["the folder of an algorithm", /\/sha256$/],
  ["upper folders of blobs", /\/(?:blobs|v2|registry|docker)$/],
  ["the content folder", /\/content$/],
  ["the data folder", /\/data$(?<!\/uploads\/[^/]+\/data)(?<!\/[0-9a-f]{64}\/data)/],
  ["what the data folder is in", /\/(?:disk|srv)$/],
];
