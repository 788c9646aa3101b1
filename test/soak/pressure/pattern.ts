import type { Stage } from "./stage.ts";

/** A way in which clients take more than their share. */
export interface Pattern {
  /** Short, in lower case, for `--only`. */
  readonly name: string;
  /** What the clients do, in one line. */
  readonly summary: string;
  /** Whether the probe must be answered within a fixed time beside this pattern alone, at full speed. */
  readonly isFairnessCase: boolean;

  /** Pushes the content for the clients. */
  prepare(stage: Stage): Promise<void>;

  /** Runs the clients until the stage ends. */
  run(stage: Stage): Promise<void>;
}
