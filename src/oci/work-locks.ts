/** Lets one caller at a time work under a name, among all that share these locks: a process, or several instances. */
export interface WorkLocks {
  /**
   * Runs `work` once nobody else works under `name`. A holder that dies no longer holds anything.
   *
   * A lock keeps work from being done twice or in vain; what must never go wrong is guarded where it is written, since
   * a lock can be lost with the connection it hangs on.
   *
   * @throws the signal's reason, when that is aborted before the work has begun
   */
  run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}
