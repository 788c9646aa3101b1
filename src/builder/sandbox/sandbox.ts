import type { ByteSource } from "../../bytes/byte-source.ts";
import type { SandboxLimits } from "./limits.ts";

/** Whether this machine lets a {@link Sandbox} work. */
export type SandboxAvailability =
  | { readonly available: true /** The means in use, in one line. */; readonly detail: string }
  | { readonly available: false /** What failed and what helps, in one line. */; readonly reason: string };

/** Runs programs that nobody trusts in trees of files, apart from everything else on this machine. */
export interface Sandbox {
  /** Tries once whether everything works; later calls get the same answer. Never fails. */
  available(): Promise<SandboxAvailability>;

  /**
   * Unpacks an uncompressed tar into a new folder, with the numeric owners as ids of the sandbox. OCI whiteouts become
   * those of a tree that is mounted over others. If it fails, the folder is removed.
   *
   * @param folder an absolute path; its parent exists and can only be entered by this server's user
   * @throws {SandboxError} if an entry leads through a link or out of the folder, is a device, or is damaged
   * @throws the reason of `signal`, or the error of `archive`
   */
  unpack(archive: ByteSource, folder: string, signal: AbortSignal): Promise<void>;

  /** Removes a folder that {@link unpack} made; does nothing if there is none. */
  remove(folder: string): Promise<void>;

  /**
   * Runs a command in a tree, and waits for its end. All processes that it started have ended then. The caller disposes
   * of the result.
   *
   * @throws {SandboxError} if the tree or the isolation cannot be set up
   * @throws the reason of `signal`
   */
  run(stage: Stage, signal: AbortSignal): Promise<StageRun>;
}

/** A command and the tree in which it runs. */
export interface Stage {
  /** Absolute paths of folders that {@link Sandbox.unpack} made, the top one first; at least one. They are not changed. */
  readonly lowers: readonly string[];
  /** Files that the command can read but not change; none of them is among the changes. */
  readonly files: readonly StageFile[];
  /** Files that get another name before the command runs. Those that are not there, or are no files, keep theirs. */
  readonly moves?: readonly FileMove[];
  /** The program's absolute path in the tree, and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** All variables that the command gets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: SandboxLimits;
  /** Called for each line of output, without its end; a line is cut after 64 KiB. */
  readonly onLine?: (line: string) => void;
}

/** A read-only file that appears in the tree. */
export interface StageFile {
  /** Absolute path in the tree; need not exist there. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Permission bits. The owner is 0:0. */
  readonly mode: number;
}

/** Absolute paths in the tree. */
export interface FileMove {
  readonly from: string;
  readonly to: string;
}

/** Why a command ended. Like a shell, 126 and 127 also mean that it could not be executed. */
export type StageEnd =
  | { readonly how: "exited"; readonly exitCode: number }
  | { readonly how: "killed"; readonly signal: string }
  | { readonly how: "timed-out" }
  | { readonly how: "too-much-memory" }
  | { readonly how: "too-much-output" };

/** The result of a command. Disposing of it discards the changes. */
export interface StageRun extends AsyncDisposable {
  readonly end: StageEnd;
  /** The last 64 KiB of both outputs. */
  readonly output: string;

  /**
   * What the command changed, as an uncompressed tar: new and changed entries with the folders above them, and OCI
   * whiteouts for what it deleted. Owners are the ids inside. A folder's names are in the order of their bytes, a folder
   * is before its content, and a hard link names the first of its paths. The only extended attribute is
   * `security.capability`. Sockets and the attributes of the tree's root are left out. Times are as the command left
   * them, in whole seconds. Names are bytes, and may not be UTF-8.
   *
   * Can be read more than once, one after the other, each time to the end; after a reader that stopped early, not
   * again.
   *
   * @throws {SandboxError} if the command was stopped, or left what a layer cannot hold, such as a name `.wh.x`
   */
  changes(): ByteSource;
}

/** A sandbox that could not do what was asked; the message says which step failed and why. */
export class SandboxError extends Error {
  override readonly name = "SandboxError";
}
