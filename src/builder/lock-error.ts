/** A lock from which no image can be built here; the message says why, in a line. */
export class LockError extends Error {
  override readonly name = "LockError";
}
