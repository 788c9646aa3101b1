import type { Random } from "../../../support/random.ts";
import { type ModelHeaders, modelAnswer } from "../../../support/range-model.ts";
import { rangeParts } from "../../../support/range-parts.ts";
import type { RegistryClient } from "../../../support/registry-client.ts";
import type { Scenario } from "./scenario.ts";

const REQUESTS = 200;

/** Compares answers to ranges and conditions with a model written from RFC 9110. */
export const rangesScenario: Scenario = {
  name: "ranges",
  async run({ client, random, repository }) {
    const size = random.pick([0, 1, 300, 65_536, 3_000_000]) + random.below(50);
    const bytes = Buffer.from(random.bytes(size));
    const { digest } = await client.pushBlob(repository, bytes);
    const problems: string[] = [];
    for (let i = 0; i < REQUESTS && problems.length === 0; i++) {
      const method = random.oneIn(4) ? "HEAD" : "GET";
      const headers = drawHeaders(random, size, digest);
      const problem = await compare(
        client,
        method,
        `/v2/${repository}/blobs/${digest}`,
        headers,
        bytes,
        digest,
      );
      if (problem !== undefined)
        problems.push(`${method} of ${size} bytes with ${JSON.stringify(headers)}: ${problem}`);
    }
    return problems;
  },
};

async function compare(
  client: RegistryClient,
  method: "GET" | "HEAD",
  path: string,
  headers: ModelHeaders,
  bytes: Buffer,
  tag: string,
): Promise<string | undefined> {
  const expected = modelAnswer(method, headers, { size: bytes.byteLength, tag, ranges: true });
  const response = await client.call(method, path, { headers: headers as Record<string, string> });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== expected.status) return `${response.status}, not ${expected.status}`;
  if (expected.status === 200 && method === "GET" && !body.equals(bytes)) return "other bytes";
  if (expected.status !== 206) return undefined;
  const parts = expected.ranges.map(([first, last]) => ({
    range: `bytes ${first}-${last}/${bytes.byteLength}`,
    bytes: bytes.subarray(first, last + 1).toString("hex"),
  }));
  return JSON.stringify(rangeParts(response.headers, body)) === JSON.stringify(parts)
    ? undefined
    : "other parts";
}

function drawHeaders(random: Random, size: number, digest: string): ModelHeaders {
  const validators = [`"${digest}"`, `W/"${digest}"`, '"other"', "*", digest, ""];
  const list = () => Array.from({ length: random.below(3) }, () => random.pick(validators)).join(", ");
  return {
    ...(random.oneIn(8) ? {} : { range: drawRange(random, size) }),
    ...(random.oneIn(6) ? { "if-range": random.pick([`"${digest}"`, `W/"${digest}"`, '"other"']) } : {}),
    ...(random.oneIn(6) ? { "if-match": list() } : {}),
    ...(random.oneIn(6) ? { "if-none-match": list() } : {}),
  };
}

function drawRange(random: Random, size: number): string {
  const position = () =>
    random.pick([
      "",
      "",
      String(random.below(size + 10)),
      String(size),
      "9223372036854775807",
      "1".repeat(30),
    ]);
  const spec = () => {
    if (random.oneIn(12)) return random.pick(["", " ", "-", "x", "1-2-3", "1 -2", "+1-2"]);
    const first = random.below(size + 1);
    return random.oneIn(2) ? `${first}-${first + random.below(5000)}` : `${position()}-${position()}`;
  };
  const count = random.oneIn(20) ? random.below(1200) : 1 + random.below(5);
  const specs = Array.from({ length: count }, spec).join(random.pick([",", ", ", " ,\t", ",,"]));
  // Header lines may have 32 KiB.
  const whole = specs.length > 20_000 ? specs.slice(0, specs.lastIndexOf(",", 20_000)) : specs;
  return `${random.pick(["bytes", "bytes", "bytes", "bytes", "BYTES", "lines", "bytes "])}=${whole.trim()}`;
}
