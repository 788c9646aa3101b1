import { describe, expect, it } from "bun:test";
import { SingleFlight } from "./single-flight.ts";

describe("shared work", () => {
  it("runs once for all concurrent callers, and again for later ones", async () => {
    const work = new SingleFlight<number>();
    const end = Promise.withResolvers<void>();
    let runs = 0;
    const task = async (): Promise<number> => {
      runs += 1;
      const run = runs;
      await end.promise;
      return run;
    };
    const first = [work.run("a", undefined, task), work.run("a", undefined, task)];
    end.resolve();
    expect(await Promise.all(first)).toEqual([1, 1]);
    expect(await work.run("a", undefined, task)).toBe(2);
  });

  it("continues for the others when one caller leaves", async () => {
    const work = new SingleFlight<string>();
    const leaver = new AbortController();
    const end = Promise.withResolvers<void>();
    const task = async (signal: AbortSignal): Promise<string> => {
      await end.promise;
      return signal.aborted ? "aborted" : "done";
    };
    const leaving = work.run("a", leaver.signal, task);
    const staying = work.run("a", undefined, task);
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    end.resolve();
    expect(await staying).toBe("done");
  });

  it("is aborted when no caller is left, and starts again for a new one", async () => {
    const work = new SingleFlight<string>();
    const leaver = new AbortController();
    const end = Promise.withResolvers<string>();
    let seen: AbortSignal | undefined;
    const leaving = work.run("a", leaver.signal, (signal) => {
      seen = signal;
      return end.promise;
    });
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(seen?.aborted).toBe(true);
    expect(await work.run("a", undefined, async () => "second")).toBe("second");
    end.resolve("first");
  });

  it("fails for every caller, and is not remembered", async () => {
    const work = new SingleFlight<string>();
    const end = Promise.withResolvers<string>();
    let runs = 0;
    const fail = (): Promise<string> => {
      runs += 1;
      return end.promise;
    };
    const both = Promise.allSettled([work.run("a", undefined, fail), work.run("a", undefined, fail)]);
    end.reject(new Error("broken"));
    expect((await both).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
    expect(runs).toBe(1);
    expect(await work.run("a", undefined, async () => "fine")).toBe("fine");
  });
});
