import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { eventually } from "../../support/eventually.ts";
import type { Random } from "../../support/random.ts";
import { figure } from "../figures.ts";
import { forgetImages, NixServer, removeData } from "./nix-server.ts";

/** The parts of a run of random pulls. */
export interface RandomPulls {
  readonly folder: string;
  readonly set: string;
  /** The packages of the set. */
  readonly names: readonly string[];
  readonly seconds: number;
  readonly random: Random;
}

const CLIENTS = 3;
/** Number of different images. Small, so that most are pulled more than once. */
const IMAGES = 10;
const MOST_PACKAGES = 3;
/** Time after which the server's images and layers are deleted and it starts again, in seconds. */
const ROUND_SECONDS = 15;
/** Maximum pause between collections, in milliseconds. Without pauses, builds hardly make progress. */
const MOST_PAUSE_MS = 300;
const STORE_BYTES = 30_000_000;

/**
 * Pulls random images while the store is collected repeatedly. Every pull must succeed, and equal images must stay
 * equal.
 */
export async function checkCollections(pulls: RandomPulls, checks: Checks): Promise<void> {
  const { set, seconds } = pulls;
  const data = join(pulls.folder, "collections");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeData(data));
  const images = randomImages(pulls);
  const digests = new Map<string, string>();
  const counts = { pulls: 0, collections: 0, refused: 0, rounds: 0 };
  for (const endAt = performance.now() + seconds * 1000; performance.now() < endAt; counts.rounds += 1) {
    await using server = await NixServer.start(data, set);
    const stopAt = Math.min(endAt, performance.now() + ROUND_SECONDS * 1000);
    const clients = Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        do {
          await pullOne(server, pulls.random.pick(images), { digests, random: pulls.random }, checks);
          counts.pulls += 1;
        } while (performance.now() < stopAt);
      }),
    );
    let done = false;
    const finished = clients.finally(() => {
      done = true;
    });
    while (!done) {
      counts.collections += 1;
      // Nix gives up if a path that it is about to remove is used again.
      await server.nixStore("--gc", "--quiet").catch(() => {
        counts.refused += 1;
      });
      await Bun.sleep(pulls.random.below(MOST_PAUSE_MS));
    }
    await finished;
    await server.process.end("SIGTERM");
    await forgetImages(data);
  }
  figure("pulls beside collections", `${counts.pulls} of ${digests.size} images, in ${counts.rounds} rounds`);
  figure("collections, those that Nix gave up", `${counts.collections}, ${counts.refused}`);
}

/**
 * Pulls random images with a store that is too small for all of them. After the builds, the store must be below its
 * maximum size.
 */
export async function checkStoreSize(pulls: RandomPulls, checks: Checks): Promise<void> {
  const data = join(pulls.folder, "size");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeData(data));
  const variables = { SLIPWAY_BUILDER_NIX_STORE_BYTES: String(STORE_BYTES) };
  const server = stack.use(await NixServer.start(data, pulls.set, variables));
  const digests = new Map<string, string>();
  const images = randomImages(pulls);
  const endAt = performance.now() + pulls.seconds * 1000;
  let largest = 0;
  // The first image has most of the set, which is already too much for the store.
  const all = ["shell", "git", "curl", "jq", "file", "gawk"];
  await pullOne(server, all, { digests, random: pulls.random }, checks);
  do {
    await pullOne(server, pulls.random.pick(images), { digests, random: pulls.random }, checks);
    largest = Math.max(largest, await server.storeBytes());
  } while (performance.now() < endAt);
  const isSmall = async () => (await server.storeBytes()) <= STORE_BYTES;
  const became = await eventually(isSmall).then(
    () => true,
    () => false,
  );
  const bytes = await server.storeBytes();
  figure("store after the builds, at most, allowed", [bytes, largest, STORE_BYTES].map(megabytes).join(", "));
  checks.check(became, () => `the store has ${bytes} bytes, over ${STORE_BYTES}`);
}

function randomImages({ random, names }: RandomPulls): readonly (readonly string[])[] {
  return Array.from({ length: IMAGES }, () => {
    const packages = new Set(
      Array.from({ length: 1 + random.below(MOST_PACKAGES) }, () => random.pick(names)),
    );
    return [...packages];
  });
}

/** Pulls an image with its packages in any order. */
async function pullOne(
  server: NixServer,
  image: readonly string[],
  { digests, random }: { readonly digests: Map<string, string>; readonly random: Random },
  checks: Checks,
): Promise<void> {
  const turned = random.oneIn(2) && image[0] !== "shell" ? image.toReversed() : image;
  const { status, digest, body } = await server.pull(turned);
  const key = image.join("/");
  checks.check(
    status === 200,
    () => `${key} was answered ${status}: ${body}\n${server.process.output().slice(-3_000)}`,
  );
  if (status !== 200) return;
  const before = digests.get(key) ?? digest;
  digests.set(key, before);
  checks.check(digest === before, () => `${key} was ${before} and is ${digest}`);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
