/** A value, or the promise of one. What is there at once need not be waited for, which costs a small request a tenth. */
export type Awaitable<Value> = Value | Promise<Value>;

/** What `next` makes of the value: at once when it is there, else when it comes. */
export function whenReady<Value, Result>(
  value: Awaitable<Value>,
  next: (value: Value) => Awaitable<Result>,
): Awaitable<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}
