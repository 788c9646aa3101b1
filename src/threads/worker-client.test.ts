import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { WorkerClient } from "./worker-client.ts";

/** Doubles numbers, remembers notes, and fails or ends on request. */
const THREAD = `
import { answerQuestions } from ${JSON.stringify(join(import.meta.dir, "answer-questions.ts"))};
let noted = "";
answerQuestions(self, (question) => {
  if (question === "fail") throw new Error("cannot do that");
  if (question === "end") process.exit(0);
  if (question === "noted") return noted;
  if (typeof question === "string") return void (noted += question);
  return question * 2;
});
`;

describe("a client of a thread", () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder("worker-client");
    await writeFile(join(folder.path, "thread.ts"), THREAD);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  function open() {
    const failures: Error[] = [];
    const client = new WorkerClient<number | string, unknown>({
      start: () => new Worker(join(folder.path, "thread.ts")),
      onFailure: (failure) => failures.push(failure),
    });
    return { client, failures, [Symbol.dispose]: () => client[Symbol.dispose]() };
  }

  it("gives each question its answer, in order with notes", async () => {
    using opened = open();
    const { client } = opened;
    client.tell("a");
    client.tell("b");
    expect(await Promise.all([client.ask(1), client.ask("noted"), client.ask(2)])).toEqual([2, "ab", 4]);
  });

  it("rejects a failed question with its error, and continues", async () => {
    using opened = open();
    await expect(opened.client.ask("fail")).rejects.toThrow("cannot do that");
    expect(await opened.client.ask(3)).toBe(6);
    expect(opened.client.generation).toBe(0);
  });

  it("fails waiting questions when the thread ends, reports it, and starts another one", async () => {
    using opened = open();
    const { client, failures } = opened;
    client.tell("known");
    await expect(client.ask("end")).rejects.toThrow("ended unexpectedly");
    expect(client.generation).toBe(1);
    expect(failures).toHaveLength(1);
    expect(await client.ask("noted")).toBe("");
  });

  it("replaces a thread that fails at a note", async () => {
    using opened = open();
    opened.client.tell("fail");
    await eventually(() => opened.failures.length > 0);
    expect(await opened.client.ask(4)).toBe(8);
  });

  it("refuses questions once it is disposed of", async () => {
    const { client, failures } = open();
    const asked = client.ask(1);
    client[Symbol.dispose]();
    await expect(asked).rejects.toThrow("the thread was ended");
    await expect(client.ask(1)).rejects.toThrow("the thread was ended");
    expect(failures).toEqual([]);
  });
});
