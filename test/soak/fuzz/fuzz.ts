import { Random } from "../../support/random.ts";
import type { ServerProcess } from "../../support/server-process.ts";
import { peakMemoryBytes } from "../peak-memory.ts";
import { inconsistencies } from "./consistency.ts";
import { type Exchanged, exchange, type RawResponse } from "./exchange.ts";
import { Knowledge } from "./knowledge.ts";
import { type Mutated, mutate } from "./mutations.ts";
import { type Plan, planRequest } from "./requests.ts";

/** Requests sent at the same time. A round ends when all of them are answered, so that a seed repeats a run. */
const ROUND = 8;

/** Rounds between two checks of the whole registry. */
const ROUNDS_BETWEEN_CHECKS = 100;

/** Limit of the server's resident memory, in bytes. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

/** A run stops after this many problems. */
const MAX_PROBLEMS = 5;

/** When to stop. */
export interface FuzzOptions {
  readonly seed: number;
  /** When to stop sending, on the clock of `performance.now()`. */
  readonly endAt: number;
  /** Maximum requests to send. */
  readonly requests: number;
}

/** What a run found. */
export interface FuzzReport {
  readonly sent: number;
  /** How many answers had each status. `closed` and `silent` count requests without an answer. */
  readonly statuses: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

/** Sends valid and mutated requests to a server and checks the answers, the server and what it stores. */
export async function fuzz(server: ServerProcess, options: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(options.seed);
  const known = new Knowledge(random);
  const statuses = new Map<string, number>();
  const problems: string[] = [];
  let sent = 0;
  for (let round = 1; performance.now() < options.endAt && sent < options.requests; round++) {
    const drawn = Array.from({ length: ROUND }, () => draw(random, known));
    const outcomes = await Promise.all(
      drawn.map(({ mutated }) => exchange(server.url, mutated.bytes, mutated)),
    );
    for (const [i, outcome] of outcomes.entries()) {
      const { plan, mutated } = drawn[i] as (typeof drawn)[number];
      const label = outcome.kind === "answered" ? String(outcome.response.status) : outcome.kind;
      statuses.set(label, (statuses.get(label) ?? 0) + 1);
      if (outcome.kind === "answered" && !mutated.mayStall) plan.learn?.(outcome.response);
      const problem = problemOf(outcome, mutated);
      if (problem !== undefined) problems.push(`${problem}\n${shown(mutated.bytes)}`);
    }
    sent += ROUND;
    known.trim();
    problems.push(...(await serverProblems(server, known, round % ROUNDS_BETWEEN_CHECKS === 0)));
    if (problems.length >= MAX_PROBLEMS) break;
  }
  if (problems.length === 0) problems.push(...(await serverProblems(server, known, true)));
  return { sent, statuses, problems };
}

function draw(random: Random, known: Knowledge): { readonly plan: Plan; readonly mutated: Mutated } {
  const plan = planRequest(random, known);
  return { plan, mutated: mutate(random, plan.request) };
}

function problemOf(outcome: Exchanged, { mayStall }: Mutated): string | undefined {
  switch (outcome.kind) {
    case "closed":
      return mayStall ? undefined : "a valid request was not answered";
    case "silent":
      return "a request got no answer in time, and its connection was not closed";
    case "answered":
      return responseProblem(outcome.response);
  }
}

/** What is wrong with an answer. Bun's own refusals have no body; ours have the form that the specification defines. */
function responseProblem({ status, headers, body }: RawResponse): string | undefined {
  if (status >= 500 && status !== 505) return `answered ${status}: ${body.toString("utf8").slice(0, 500)}`;
  if (status < 400 || headers.get("content-type") !== "application/json" || body.length === 0)
    return undefined;
  try {
    const { errors } = JSON.parse(body.toString("utf8")) as { errors: { code: unknown; message: unknown }[] };
    const fine =
      errors.length > 0 &&
      errors.every(({ code, message }) => typeof code === "string" && typeof message === "string");
    return fine ? undefined : `answered ${status} with no error in it`;
  } catch {
    return `answered ${status} with a body that is not JSON: ${body.toString("utf8").slice(0, 200)}`;
  }
}

async function serverProblems(
  server: ServerProcess,
  known: Knowledge,
  all: boolean,
): Promise<readonly string[]> {
  if (!isRunning(server.pid)) return [`the server ended:\n${server.output().slice(-2000)}`];
  if (server.output().includes('"level":50'))
    return [`the server logged an error:\n${server.output().slice(-2000)}`];
  const memory = peakMemoryBytes(server.pid);
  if (memory > MAX_MEMORY_BYTES) return [`the server took ${Math.round(memory / 2 ** 20)} MiB`];
  return all ? await inconsistencies(server.url, known) : [];
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function shown(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 1500)).toString("latin1"));
}
