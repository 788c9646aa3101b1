// The soak suite `start-up`: how long `npm start` takes until the registry answers, on existing data. See USAGE.
import { join } from "node:path";
import { Checks } from "../../support/checks.ts";
import { freePort } from "../../support/free-port.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { figure } from "../figures.ts";

const USAGE = "usage: npm run soak -- start-up [--seed S] [--minutes M]";
const ROOT = join(import.meta.dir, "../../..");

/** The longest start that a user should see on an idle machine, in milliseconds. The median is compared with it. */
const WANTED_MS = 2_000;
const LEAST_STARTS = 3;
const GIVE_UP_MS = 60_000;

const { seconds } = parseSuiteArguments(USAGE, {});
const checks = new Checks();
await using folder = await temporaryFolder("start-up");
const tookMs: number[] = [];
const endAt = performance.now() + seconds * 1000;
// The first start creates the data and is not counted.
await startOnce();
while (tookMs.length < LEAST_STARTS || performance.now() < endAt) tookMs.push(await startOnce());
const sorted = tookMs.toSorted((one, other) => one - other);
const median = sorted[Math.floor(sorted.length / 2)] as number;
figure("starts", String(sorted.length));
figure("median", `${Math.round(median)} ms`);
figure("slowest", `${Math.round(sorted.at(-1) as number)} ms`);
checks.check(median < WANTED_MS, () => `the median start took ${Math.round(median)} ms, over ${WANTED_MS}`);
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

/** Starts the server through npm, waits until it answers, and ends it; resolves to how long the start took. */
async function startOnce(): Promise<number> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/v2/`;
  const begunAt = performance.now();
  const child = Bun.spawn(["npm", "start"], {
    cwd: ROOT,
    env: { ...process.env, SLIPWAY_DATA: join(folder.path, "data"), SLIPWAY_HTTP_PORT: String(port) },
    stdout: "ignore",
    stderr: "inherit",
  });
  try {
    while (!(await answers(url))) {
      if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}`);
      if (performance.now() - begunAt > GIVE_UP_MS) throw new Error("the server does not answer");
      await Bun.sleep(10);
    }
    return performance.now() - begunAt;
  } finally {
    child.kill("SIGTERM");
    const status = await child.exited;
    checks.check(status === 0, () => `SIGTERM ended npm start with ${status}`);
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
