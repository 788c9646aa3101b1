/** Delegates to `port`, except for the methods in `overrides`. */
export function delegating<Port extends object>(port: Port, overrides: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      const chosen = name in overrides ? overrides : target;
      const value = Reflect.get(chosen, name);
      return typeof value === "function" ? value.bind(chosen) : value;
    },
  });
}
