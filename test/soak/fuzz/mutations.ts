import type { Random } from "../../support/random.ts";
import { encodeRequest, type RawRequest } from "./raw-request.ts";

/** Text with a special meaning in a path, a query or a header. */
const MARKS = [
  "/",
  "//",
  "..",
  "%2e%2e%2f",
  "%00",
  "%",
  "%ff",
  "?",
  "&",
  "#",
  ":",
  "@",
  ",",
  ";",
  " ",
  "\t",
  "\0",
  "é",
  "A",
  "_",
  "a".repeat(300),
  "%25%32%66",
];
const NUMBERS = ["-1", "0", "1", "9007199254740993", "18446744073709551616", "1e9", "0x10", "NaN", " 5"];
const JSON_MARKS = [
  "{",
  "}",
  "[",
  "]",
  '"',
  ",",
  ":",
  "null",
  "\\u0000",
  "1e999",
  '"layers":[],',
  '"size":-1,',
  "[".repeat(200),
];
const HEADERS: readonly (readonly [string, string])[] = [
  ["Content-Range", "0-4294967295"],
  ["Content-Range", "bytes */*"],
  ["Range", `bytes=${"0-0,".repeat(50)}0-0`],
  ["Range", "bytes=99999999999999999999-"],
  ["Content-Type", "multipart/form-data; boundary="],
  ["Content-Encoding", "gzip"],
  ["Content-Length", "5"],
  ["Transfer-Encoding", "gzip, chunked"],
  ["Expect", "100-continue"],
  ["Expect", "200-ok"],
  ["Connection", "close"],
  ["Connection", "Upgrade"],
  ["Upgrade", "websocket"],
  ["If-None-Match", `${'"",'.repeat(100)}*`],
  ["If-None-Match", "*"],
  ["If-Match", "*"],
  ["If-Match", `"${"x".repeat(300)}", W/"`],
  ["Accept", `${"a/b,".repeat(200)}*/*`],
  ["X-Flood", "x".repeat(9000)],
];

/** The bytes of a request, and whether the server may wait for more of them. */
export interface Mutated {
  readonly bytes: Uint8Array;
  readonly head: boolean;
  readonly mayStall: boolean;
}

type Mutation = (random: Random, request: RawRequest) => RawRequest;

const MUTATIONS: readonly Mutation[] = [
  (random, request) => ({
    ...request,
    method: random.pick(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]),
  }),
  (random, request) => ({ ...request, target: spliced(random, request.target, random.pick(MARKS)) }),
  (random, request) => ({ ...request, target: cut(random, request.target) }),
  (random, request) => ({ ...request, target: request.target.replace(/\d+/, random.pick(NUMBERS)) }),
  (random, request) => ({ ...request, headers: [...request.headers, random.pick(HEADERS)] }),
  (random, request) => ({
    ...request,
    headers: request.headers.map(([name, value]) => [
      name,
      spliced(random, value, random.pick([...NUMBERS, ...MARKS])),
    ]),
  }),
  (random, request) => ({ ...request, body: spoilt(random, request.body) }),
  (random, request) => ({
    ...request,
    body: Buffer.from(
      spliced(random, Buffer.from(request.body).toString("latin1"), random.pick(JSON_MARKS)),
      "latin1",
    ),
  }),
  (random, request) => ({ ...request, framing: { lie: random.below(200) - 100 } }),
];

/** Encodes the request unchanged, or with a few faults, or with damaged bytes. */
export function mutate(random: Random, request: RawRequest): Mutated {
  let mutated = request;
  const wrongs = random.pick([0, 0, 0, 1, 1, 2, 3]);
  for (let i = 0; i < wrongs; i++) mutated = random.pick(MUTATIONS)(random, mutated);
  const bytes = encodeRequest(mutated);
  const spoil = random.oneIn(25);
  const sent = spoil ? spoilt(random, bytes) : bytes;
  return { bytes: sent, head: mutated.method === "HEAD", mayStall: wrongs > 0 || spoil };
}

function spliced(random: Random, text: string, mark: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + mark + text.slice(at + random.below(3));
}

function cut(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) || "/";
}

/** Changes, removes or repeats a few bytes. */
function spoilt(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return random.bytes(random.below(50));
  const at = random.below(bytes.length);
  const length = random.below(20);
  return Buffer.concat([
    bytes.subarray(0, at),
    random.pick([random.bytes(length), new Uint8Array(0), bytes.subarray(at, at + length)]),
    bytes.subarray(random.oneIn(2) ? at : at + length),
  ]);
}
