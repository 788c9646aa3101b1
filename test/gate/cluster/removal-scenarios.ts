import type { Cluster } from "../../../examples/cluster/cluster.ts";
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import type { Checks } from "../../support/checks.ts";
import type { RegistryClient } from "../../support/registry-client.ts";
import { must, viewsOf } from "./views.ts";

const REPOSITORY = "scenario/removals";
const PREFIX = `/v2/${REPOSITORY}`;
/** Races that run at the same time. All lock the same repository, so they meet at every step. */
const LANES = 8;
/** Milliseconds by which the removal begins after the push. */
const DELAYS_MS = [-30, -8, -4, -2, -1, 0, 0, 0, 1, 2, 4, 8, 30];

/** Maximum pushes before one must find that the part is gone. */
const MOST_PROBES = 1_000;

/** A manifest that is not pushed yet, and the part of it that will be removed. */
interface Contest {
  readonly text: string;
  /** Another manifest with that part. */
  readonly probe: string;
  readonly mediaType: string;
  readonly part: Digest;
  readonly partPath: string;
  readonly pushPart: (client: RegistryClient) => Promise<unknown>;
}

/** Removes parts through one instance while a manifest that names them is pushed through another. */
export async function checkRemovals(cluster: Cluster, checks: Checks): Promise<void> {
  await checks.run("a manifest comes before the delete of its layer elsewhere, or is refused", () =>
    raceAll(cluster, imageContest, 200),
  );
  await checks.run("an index comes before the delete of its manifest elsewhere, or is refused", () =>
    raceAll(cluster, indexContest, 100),
  );
}

async function imageContest(client: RegistryClient): Promise<Contest> {
  const content = crypto.randomUUID();
  const pushPart = (to: RegistryClient) => to.pushBlob(REPOSITORY, content);
  const layer = await pushPart(client);
  const image = { ...(await client.makeImage(REPOSITORY)), layers: [layer] };
  const partPath = `${PREFIX}/blobs/${layer.digest}`;
  return { ...textsOf(image), mediaType: MediaType.ociManifest, part: layer.digest, partPath, pushPart };
}

async function indexContest(client: RegistryClient): Promise<Contest> {
  const image = await client.makeImage(REPOSITORY);
  const pushPart = (to: RegistryClient) => to.pushManifest(REPOSITORY, image);
  const child = await pushPart(client);
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [child] };
  return {
    ...textsOf(index),
    mediaType: MediaType.ociIndex,
    part: child.digest,
    partPath: manifestPath(child.digest),
    pushPart,
  };
}

function textsOf(manifest: object): Pick<Contest, "text" | "probe"> {
  const probe = { ...manifest, annotations: { purpose: "probe" } };
  return { text: JSON.stringify(manifest), probe: JSON.stringify(probe) };
}

async function raceAll(cluster: Cluster, contestOn: typeof imageContest, rounds: number): Promise<void> {
  const [view] = viewsOf(cluster);
  // versitygw 1.8 fails to store an object while it removes a folder that has become empty: this one stays.
  const upload = await view.start(REPOSITORY);
  const waiting = Array.from({ length: rounds }).keys();
  let taken = 0;
  const lane = async () => {
    for (const round of waiting) if (await new Race(cluster, round).run(contestOn)) taken += 1;
  };
  const outcomes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  await must(view.call("DELETE", upload), 204);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  console.log(`of ${rounds} pushes, ${taken} came before the delete and ${rounds - taken} were refused`);
}

/** A race of a push and a delete through different instances. The delete always succeeds. */
class Race {
  readonly #views: readonly RegistryClient[];
  readonly #pusher: RegistryClient;
  readonly #remover: RegistryClient;
  readonly #other: RegistryClient;
  readonly #delayMs: number;
  readonly #id = crypto.randomUUID();

  constructor(cluster: Cluster, round: number) {
    this.#views = viewsOf(cluster);
    const inTurn = (offset: number) => this.#views[(round + offset) % this.#views.length] as RegistryClient;
    [this.#pusher, this.#remover, this.#other] = [inTurn(0), inTurn(1), inTurn(2)];
    this.#delayMs = DELAYS_MS[round % DELAYS_MS.length] as number;
  }

  /** Whether the push came first. @throws when the answers fit neither order */
  async run(contestOn: typeof imageContest): Promise<boolean> {
    // The pushing instance has not seen the part before, so its first look-up, which is cached, is part of the race.
    const contest = await contestOn(this.#other);
    const [pushed, cameFirst] = await Promise.all([
      after(-this.#delayMs, () => this.#push(this.#pusher, contest, "raced")),
      after(this.#delayMs, () => this.#remove(contest)),
    ]);
    if (cameFirst) await must(Promise.resolve(pushed), 201);
    else await expectRefusal(pushed, contest);
    const status = cameFirst ? 200 : 404;
    await this.#expect(manifestPath(this.#tag("raced")), status);
    await this.#expect(manifestPath(digestOf(contest.text)), status);
    await this.#expect(contest.partPath, 404);
    await this.#restore(contest);
    return cameFirst;
  }

  /** Removes the part; resolves to whether the manifest existed at that moment. */
  async #remove(contest: Contest): Promise<boolean> {
    const [cameFirst] = await Promise.all([
      this.#outlast(contest),
      must(this.#remover.call("DELETE", contest.partPath), 202),
    ]);
    await this.#expect(contest.partPath, 404);
    for (const view of this.#views) await expectRefusal(await this.#push(view, contest, "late"), contest);
    await this.#expect(manifestPath(this.#tag("late")), 404);
    return cameFirst;
  }

  /**
   * Waits until the part is gone, which can be long before its delete is answered. Resolves to whether the manifest
   * exists then. Its push may be unanswered, but it can no longer change that.
   */
  async #outlast(contest: Contest): Promise<boolean> {
    const probe = { ...contest, text: contest.probe };
    for (let count = 0; count < MOST_PROBES; count += 1) {
      const answer = await this.#push(this.#other, probe, "probe");
      if (answer.status === 201) continue;
      await expectRefusal(answer, contest);
      return (await this.#other.call("HEAD", manifestPath(this.#tag("raced")))).status === 200;
    }
    throw new Error(`${contest.partPath} is still there`);
  }

  /** Pushes the content again, and then the manifest. Both must exist on all instances. */
  async #restore(contest: Contest): Promise<void> {
    await contest.pushPart(this.#pusher);
    await this.#expect(contest.partPath, 200);
    await must(this.#push(this.#remover, contest, "restored"), 201);
    await this.#expect(manifestPath(this.#tag("restored")), 200);
  }

  #push(client: RegistryClient, { text, mediaType }: Contest, tag: string): Promise<Response> {
    return client.putManifest(REPOSITORY, this.#tag(tag), text, mediaType);
  }

  async #expect(path: string, status: number): Promise<void> {
    await Promise.all(this.#views.map((view) => must(view.call("GET", path), status)));
  }

  #tag(name: string): string {
    return `${name}-${this.#id}`;
  }
}

async function expectRefusal(answer: Response, { part }: Contest): Promise<void> {
  const body = await (await must(Promise.resolve(answer), 400)).json();
  const { errors } = body as { readonly errors: readonly { code: string; detail: { digest: string } }[] };
  const told = errors.map(({ code, detail }) => `${code} ${detail.digest}`).join();
  if (told !== `MANIFEST_BLOB_UNKNOWN ${part}`) throw new Error(`the refusal names ${told}`);
}

async function after<T>(delayMs: number, work: () => Promise<T>): Promise<T> {
  if (delayMs > 0) await Bun.sleep(delayMs);
  return await work();
}

function manifestPath(reference: string): string {
  return `${PREFIX}/manifests/${reference}`;
}
