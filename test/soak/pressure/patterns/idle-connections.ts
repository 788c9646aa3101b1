import type { Pattern } from "../pattern.ts";
import { requestHead, type Stage } from "../stage.ts";

/** Time between opening two connections, in milliseconds. */
const OPENING_MS = 3;

/** Connections that send nothing, or a request that never ends. */
export class IdleConnections implements Pattern {
  readonly name = "idle-connections";
  readonly summary = "2,000 connections without a request, and 1,000 whose request's head never ends";
  readonly isFairnessCase = false;

  async prepare(): Promise<void> {}

  async run(stage: Stage): Promise<void> {
    const unfinished = requestHead("GET", "/v2/", { "x-flood": "a".repeat(8000) }).slice(0, -4);
    await stage.clients(3000, async (client) => {
      // Opening all at once would be a flood of connections, and a second one at the server's timeout.
      await stage.rest(client * OPENING_MS, 1);
      const wire = await stage.connect();
      if (wire === undefined) return;
      if (client % 3 === 0) await wire.send(unfinished);
      stage.note("opened");
      // The server can close it at its idle time-out.
      await wire.answer;
    });
  }
}
