import type { SandboxLimits } from "./limits.ts";
import type { FileMove } from "./sandbox.ts";

/** What the program that runs a stage gets. Paths are the host's. */
export interface StageOrder {
  readonly lowers: readonly string[];
  readonly files: readonly { readonly path: string; readonly base64: string; readonly mode: number }[];
  readonly moves: readonly FileMove[];
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly limits: SandboxLimits;
  /** Empty folders, over which the upper and the working folder are mounted. */
  readonly upperPoint: string;
  readonly workPoint: string;
  /** The path of unshare. */
  readonly unshare: string;
}

/** How the command of a stage ended. */
export interface CommandEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly tookTooMuchMemory: boolean;
}

/** What `enter.ts` writes before the command's output; without it, what it writes says why it failed. */
export const ENTERED = 0x06;
