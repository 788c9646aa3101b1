import { expect, it } from "bun:test";
import { canTrace } from "../support/crashes/disk-calls.ts";
import { drawCuts, tryPowerCuts } from "../support/crashes/power-cuts.ts";
import { type RecordingOptions, record } from "../support/crashes/recording.ts";
import { describeWith } from "../support/requirements.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** States to try of each recording; `npm run soak -- power-cut` tries thousands. */
const STATES = 25;
const SEED = 20_261;
/** Time limit of a test, in milliseconds; only a safety net. */
const LONG_MS = 180_000;

const LOAD = { seed: SEED, clients: 3, steps: 12 };

const RECORDINGS: readonly (readonly [string, RecordingOptions])[] = [
  ["a server that makes its data folder", { ...LOAD, ends: ["SIGKILL"] }],
  [
    "writes through the page cache",
    {
      ...LOAD,
      ends: ["SIGTERM"],
      variables: { SLIPWAY_CONTENT_DRIVER: "filesystem", SLIPWAY_CONTENT_DIRECT_WRITES: "false" },
    },
  ],
  ["many checkpoints, and a kill", { ...LOAD, ends: ["SIGKILL", "SIGTERM"], checkpointPages: 20 }],
  [
    "a log that could not be synced, and a restart",
    { ...LOAD, ends: ["SIGKILL", "SIGKILL"], inject: [["fdatasync:error=EIO:when=7"]] },
  ],
];

describeWith("a power cut", await canTrace(), "strace is not installed or may not trace", () => {
  it.each(RECORDINGS)(
    "loses nothing that was acknowledged: %s",
    async (_, options) => {
      await using folder = await temporaryFolder("power-cut");
      const recording = await record(folder.path, options);
      expect(recording.history.acknowledgements().length).toBeGreaterThan(0);
      const cuts = drawCuts(recording, STATES, SEED);
      const result = await tryPowerCuts(recording, cuts, `${folder.path}/states`);
      expect(result).toEqual({ states: STATES, bad: [], unknownCalls: [] });
    },
    LONG_MS,
  );

  it(
    "is seen to lose data when a sync is left out",
    async () => {
      await using folder = await temporaryFolder("power-cut");
      const recording = await record(folder.path, { ...LOAD, ends: ["SIGKILL"] });
      const cuts = drawCuts(recording, 4 * STATES, SEED);
      const result = await tryPowerCuts(recording, cuts, `${folder.path}/states`, { ignoreSyncsOf: /-wal$/ });
      expect(result.bad).not.toBeEmpty();
    },
    LONG_MS,
  );
});
