import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import { openChosenPlan } from "./chosen-plan.ts";
import { parsePopularity } from "./popularity.ts";

const LOG = createLogger("silent");
const DATA = '{"glibc-2.39": 812, "bash-5.2": 90}';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("popularity");
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("the chosen plan", () => {
  it("goes by size unless Nixery's is asked for", async () => {
    expect((await openChosenPlan({ plan: "size" }, LOG)).kind).toBe("size");
    const plain = await openChosenPlan({ plan: "nixery" }, LOG);
    expect([plain.kind, plain.popularityDigest]).toEqual(["nixery", undefined]);
  });

  it("has the digest of the popularity data that a file or a server gives", async () => {
    const file = join(folder.path, "popularity.json");
    await writeFile(file, DATA);
    await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(DATA) });
    for (const popularity of [file, `http://127.0.0.1:${server.port}/popularity.json`]) {
      const { popularityDigest } = await openChosenPlan({ plan: "nixery", popularity }, LOG);
      expect(popularityDigest).toBe(parsePopularity(DATA).digest);
    }
  });

  it("refuses a file that is not there, or is something else", async () => {
    const file = join(folder.path, "other.json");
    await writeFile(file, "[1, 2]");
    for (const popularity of [file, join(folder.path, "none.json")]) {
      const opening = openChosenPlan({ plan: "nixery", popularity }, LOG);
      await expect(opening).rejects.toThrow(`builder.popularity: ${popularity}: `);
    }
  });

  it("works without it when the server has none", async () => {
    const answers = [new Response("none", { status: 404 }), new Response("rubbish")];
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => answers.shift() ?? new Response("[]"),
    });
    for (let round = 0; round < 3; round += 1) {
      const popularity = `http://127.0.0.1:${server.port}/`;
      const plan = await openChosenPlan({ plan: "nixery", popularity }, LOG);
      expect([plan.kind, plan.popularityDigest]).toEqual(["nixery", undefined]);
    }
  });
});
