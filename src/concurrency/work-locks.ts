/** Named locks, shared by one process or by several. */
export interface WorkLocks {
  /**
   * Runs `work` when no one else holds the lock `name`. If a holder dies, its lock is released.
   *
   * Locks only avoid duplicate or wasted work. Correctness must not depend on them: a lock can be lost with its
   * connection, so check again where you write.
   *
   * @throws the signal's reason, if it is aborted before the work has begun
   */
  run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;

  /**
   * Checks that other processes still see these locks. Absent if that cannot be checked.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence?(): void;
}
