import { digestOf } from "../../../../src/oci/digest.ts";
import { MediaType } from "../../../../src/oci/media-types.ts";
import type { Random } from "../../../support/random.ts";
import type { RegistryClient } from "../../../support/registry-client.ts";
import type { Scenario } from "./scenario.ts";

/** Maximum writes at the same time. Small, because the check tries them in every order. */
const WRITERS = 5;
const STEPS = 12;

/** A conditional write of a tag. */
interface Write {
  readonly method: "PUT" | "DELETE";
  readonly header: "if-match" | "if-none-match" | undefined;
  /** `*` or a digest. */
  readonly condition: string;
  readonly text: string;
  readonly digest: string;
}

/**
 * Sends conditional writes of one tag at the same time. The answers must be the same as if the writes ran one after
 * another, in some order: no create overwrites, and no move is lost (RFC 9110, section 13.1).
 */
export const conditionsScenario: Scenario = {
  name: "conditional writes",
  async run({ client, random, repository }) {
    const config = await client.pushBlob(repository, "{}", MediaType.ociConfig);
    const texts = Array.from({ length: 4 }, (_, number) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config,
        layers: [],
        annotations: { number: String(number) },
      }),
    );
    const path = `/v2/${repository}/manifests/tag`;
    let current: string | undefined;
    for (let step = 0; step < STEPS; step++) {
      const writes = Array.from({ length: 1 + random.below(WRITERS) }, () => draw(random, texts, current));
      const statuses = await Promise.all(writes.map((write) => send(client, path, write)));
      const after = (await client.call("HEAD", path)).headers.get("docker-content-digest") ?? undefined;
      if (!isSerial(writes, statuses, current, after))
        return [`from ${current} to ${after} by ${JSON.stringify(writes)} answered ${statuses.join(" ")}`];
      current = after;
    }
    return [];
  },
};

function draw(random: Random, texts: readonly string[], current: string | undefined): Write {
  const text = random.pick(texts);
  const condition = random.pick(["*", current ?? "*", current ?? "*", digestOf(random.pick(texts))]);
  return {
    method: random.oneIn(4) ? "DELETE" : "PUT",
    header: random.oneIn(3) ? undefined : random.pick(["if-match", "if-none-match"] as const),
    condition,
    text,
    digest: digestOf(text),
  };
}

async function send(client: RegistryClient, path: string, write: Write): Promise<number> {
  const { method, header, condition, text } = write;
  const conditions: Record<string, string> =
    header === undefined ? {} : { [header]: condition === "*" ? "*" : `"${condition}"` };
  const response = await client.call(method, path, {
    headers: { ...conditions, ...(method === "PUT" ? { "content-type": MediaType.ociManifest } : {}) },
    ...(method === "PUT" ? { body: text } : {}),
  });
  return response.status;
}

/** Whether some order of the writes explains all answers and the final tag. */
function isSerial(
  writes: readonly Write[],
  statuses: readonly number[],
  before: string | undefined,
  after: string | undefined,
): boolean {
  const attempt = (left: readonly number[], state: string | undefined): boolean => {
    if (left.length === 0) return state === after;
    return left.some((index) => {
      const next = applied(writes[index] as Write, state);
      return (
        next.status === statuses[index] &&
        attempt(
          left.filter((each) => each !== index),
          next.state,
        )
      );
    });
  };
  return attempt([...writes.keys()], before);
}

function applied(write: Write, state: string | undefined): { status: number; state: string | undefined } {
  // Deleting a tag that does not exist answers 404, whatever the condition says.
  if (write.method === "DELETE" && state === undefined) return { status: 404, state };
  const matches = state !== undefined && (write.condition === "*" || write.condition === state);
  const holds = write.header === undefined || (write.header === "if-match" ? matches : !matches);
  if (!holds) return { status: 412, state };
  return write.method === "PUT" ? { status: 201, state: write.digest } : { status: 202, state: undefined };
}
