/** Named locks, shared by one process or by several. */
export interface WorkLocks {
  /**
   * Runs `work` when no one else holds the lock `name`. If a holder dies, its lock is released.
   *
   * Locks only avoid duplicate or wasted work. Code that must never go wrong checks again where it writes, because a
   * lock can be lost together with its connection.
   *
   * @throws the signal's reason, if it is aborted before the work has begun
   */
  run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;

  /**
   * Makes sure that other processes still see these locks; absent where that cannot be told.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence?(): void;
}
