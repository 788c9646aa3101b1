/** What a stage may use. Sizes are in bytes. */
export interface SandboxLimits {
  readonly timeoutMs: number;
  /** The stage is stopped if it writes more than this. */
  readonly outputBytes: number;
  /**
   * Processes and threads of each user of the sandbox. All together have at most twice as many and 512 more, where the
   * kernel can limit that (Linux 6.14 and newer).
   */
  readonly processes: number;
  /** Open files of each process. */
  readonly openFiles: number;
  /** Size of each file, holes included. */
  readonly fileBytes: number;
  /** Address space of each process. */
  readonly addressSpaceBytes: number;
  /** Memory of all processes together, without files. The stage is stopped if they take more. */
  readonly memoryBytes: number;
  /** Processor time of each process. */
  readonly cpuSeconds: number;
  /** What the stage can change in the tree; it is held in memory. */
  readonly upperBytes: number;
  /** Files, folders and links that the stage can make or change. */
  readonly upperInodes: number;
  /** Sum of the sizes of the changed files, holes included. */
  readonly changesBytes: number;
  /** Content of `/tmp`, in memory. */
  readonly temporaryBytes: number;
  /** Content of `/run`, and of `/dev/shm`, in memory. */
  readonly runtimeBytes: number;
}

/** The limits that an operator chooses; the others follow from them, or stay. */
export interface LimitSettings {
  readonly timeoutSeconds: number;
  /** Address space of each process, and memory of all together. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** What a stage can change in the tree. */
  readonly diskBytes: number;
}

/** Limits within which the largest sets of Debian packages can be configured. */
export const DEFAULT_LIMITS: SandboxLimits = {
  timeoutMs: 600_000,
  outputBytes: 16 << 20,
  processes: 512,
  openFiles: 1024,
  fileBytes: 2 ** 31,
  addressSpaceBytes: 2 ** 32,
  memoryBytes: 2 ** 32,
  cpuSeconds: 600,
  upperBytes: 2 ** 31,
  upperInodes: 200_000,
  changesBytes: 2 ** 32,
  temporaryBytes: 512 << 20,
  runtimeBytes: 64 << 20,
};

/** The limits as an operator has chosen them. They decide whether a stage succeeds, never what it makes. */
export function limitsOf({
  timeoutSeconds,
  memoryBytes,
  processes,
  diskBytes,
}: LimitSettings): SandboxLimits {
  return {
    ...DEFAULT_LIMITS,
    timeoutMs: timeoutSeconds * 1000,
    cpuSeconds: timeoutSeconds,
    addressSpaceBytes: memoryBytes,
    memoryBytes,
    processes,
    upperBytes: diskBytes,
    fileBytes: diskBytes,
    changesBytes: 2 * diskBytes,
  };
}
