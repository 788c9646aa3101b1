import { digestOf } from "../../../src/oci/digest.ts";
import type { Random } from "../../support/random.ts";
import type { RawResponse } from "./exchange.ts";
import type { Knowledge } from "./knowledge.ts";
import type { RawRequest } from "./raw-request.ts";

/** A valid request, and what to remember if it succeeds. */
export interface Plan {
  readonly request: RawRequest;
  learn?(response: RawResponse): void;
}

type Planner = (random: Random, known: Knowledge) => Plan;

const NOTHING = new Uint8Array(0);

function simple(method: string, target: string, headers: RawRequest["headers"] = []): Plan {
  return { request: { method, target, headers, body: NOTHING, framing: "length" } };
}

const pushWhole: Planner = (random, known) => {
  const [repository, body] = [known.repository(), known.content()];
  const digest = digestOf(body, random.pick(["sha256", "sha256", "sha512"]));
  const target = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  return {
    request: { method: "POST", target, headers: [], body, framing: random.pick(["length", "chunked"]) },
    learn: ({ status }) => {
      if (status === 201) known.blobs.push({ repository, digest, size: body.length });
    },
  };
};

const startUpload: Planner = (random, known) => {
  const query = random.pick([
    "",
    "",
    "?digest-algorithm=sha512",
    `?mount=${known.digest()}&from=${known.repository()}`,
    `?mount=${known.digest()}`,
  ]);
  return {
    ...simple("POST", `/v2/${known.repository()}/blobs/uploads/${query}`),
    learn: ({ status, headers }) => {
      const location = headers.get("location");
      if (status === 202 && location !== undefined) known.uploads.push({ location, size: 0 });
    },
  };
};

const appendChunk: Planner = (random, known) => {
  const upload = known.uploads.length > 0 ? random.pick(known.uploads) : undefined;
  if (upload === undefined) return startUpload(random, known);
  const body = known.content();
  const start = upload.size + (random.oneIn(4) ? random.below(20) - 10 : 0);
  const range = ["Content-Range", `${start}-${start + body.length - 1}`] as const;
  const headers = random.oneIn(2) ? [range] : [];
  return {
    request: {
      method: "PATCH",
      target: upload.location,
      headers,
      body,
      framing: random.pick(["length", "chunked"]),
    },
    learn: ({ status, headers: answered }) => {
      const end = answered.get("range")?.split("-")[1];
      if (status === 202 && end !== undefined)
        upload.size = body.length === 0 ? upload.size : Number(end) + 1;
    },
  };
};

const endUpload: Planner = (random, known) => {
  const upload = known.uploads.length > 0 ? random.pick(known.uploads) : undefined;
  if (upload === undefined) return startUpload(random, known);
  if (random.oneIn(3)) return simple(random.pick(["DELETE", "GET"]), upload.location);
  const body = known.content();
  const digest = random.oneIn(3) ? known.digest() : digestOf(body);
  const repository = upload.location.slice("/v2/".length, upload.location.indexOf("/blobs/uploads/"));
  return {
    request: {
      method: "PUT",
      target: `${upload.location}&digest=${digest}`,
      headers: [],
      body,
      framing: "length",
    },
    learn: ({ status }) => {
      if (status === 201) known.blobs.push({ repository, digest, size: body.length });
    },
  };
};

const pushManifest: Planner = (random, known) => {
  const repository = known.repository();
  const { text, mediaType } = known.manifest(repository);
  const digest = digestOf(text);
  const reference = random.pick([known.tag(), digest, `${digest}?tag=${known.tag()}&tag=${known.tag()}`]);
  return {
    request: {
      method: "PUT",
      target: `/v2/${repository}/manifests/${reference}`,
      headers: [["Content-Type", mediaType]],
      body: new TextEncoder().encode(text),
      framing: random.pick(["length", "chunked"]),
    },
    learn: ({ status }) => {
      if (status === 201)
        known.manifests.push({ repository, digest, mediaType, size: Buffer.byteLength(text) });
    },
  };
};

const read: Planner = (random, known) => {
  const repository = known.repository();
  const digest = known.digest();
  const range = `bytes=${random.pick(["0-9", "-5", "5-", "0-0,2-3", "9999999-", `${random.below(500)}-${random.below(500)}`])}`;
  const headers: RawRequest["headers"] = random.pick([
    [],
    [["Range", range]],
    [["If-None-Match", `"${digest}"`]],
    [
      ["Range", range],
      ["If-Range", `"${digest}"`],
    ],
    [["Accept", "application/vnd.docker.distribution.manifest.v2+json"]],
  ]);
  const target = random.pick([
    "/v2/",
    `/v2/_catalog?n=${random.below(4)}&last=${repository}`,
    `/v2/${repository}/tags/list?n=${random.below(4)}`,
    `/v2/${repository}/manifests/${random.oneIn(2) ? known.tag() : digest}`,
    `/v2/${repository}/blobs/${digest}`,
    `/v2/${repository}/referrers/${digest}?n=1&artifactType=application/x`,
  ]);
  return simple(random.pick(["GET", "GET", "HEAD"]), target, headers);
};

const remove: Planner = (random, known) => {
  const kind = random.pick([
    `manifests/${known.tag()}`,
    `manifests/${known.digest()}`,
    `blobs/${known.digest()}`,
  ]);
  return simple("DELETE", `/v2/${known.repository()}/${kind}`);
};

const PLANNERS: readonly Planner[] = [
  pushWhole,
  pushWhole,
  startUpload,
  appendChunk,
  appendChunk,
  endUpload,
  pushManifest,
  pushManifest,
  pushManifest,
  read,
  read,
  read,
  remove,
];

/** A random valid request about things that mostly exist. */
export function planRequest(random: Random, known: Knowledge): Plan {
  return random.pick(PLANNERS)(random, known);
}
