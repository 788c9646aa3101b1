import { describe, expect, it } from "bun:test";
import { retrying } from "./retrying.ts";

describe("work that is retried", () => {
  it("is repeated while its error is retryable, and returns its result", async () => {
    let made = 0;
    const attempt = async () => {
      made += 1;
      if (made < 3) throw new Error("again");
      return "done";
    };
    expect(await retrying(attempt, { mayRepeat: () => true })).toBe("done");
    expect(made).toBe(3);
  });

  it("fails at once with an error that is not retryable", async () => {
    let made = 0;
    const attempt = () => {
      made += 1;
      return Promise.reject(new Error("final"));
    };
    await expect(retrying(attempt, { mayRepeat: () => false })).rejects.toThrow("final");
    expect(made).toBe(1);
  });

  it("stops in a pause when the signal is aborted", async () => {
    const abort = new AbortController();
    const attempt = () => {
      queueMicrotask(() => abort.abort(new Error("gone")));
      return Promise.reject(new Error("again"));
    };
    const options = { mayRepeat: () => true, signal: abort.signal };
    await expect(retrying(attempt, options)).rejects.toThrow("gone");
  });
});
