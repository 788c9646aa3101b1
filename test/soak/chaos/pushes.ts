import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import type { Answer, PatientClient } from "./patient-client.ts";

/** Maximum attempts at an upload. Each continues the one before, if it can. */
const ATTEMPTS = 20;

/** Ways to push a blob. */
export type PushMode = "post" | "put" | "chunks";

/** Pushes a blob until it is acknowledged; resolves to its digest. */
export async function pushBlob(
  client: PatientClient,
  repository: string,
  bytes: Uint8Array,
  mode: PushMode,
  chunkBytes: number,
): Promise<Digest> {
  const digest = digestOf(bytes);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const pushed =
      mode === "post"
        ? await client.call("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes })
        : await pushBySession(
            client,
            repository,
            bytes,
            digest,
            mode === "put" ? bytes.byteLength : chunkBytes,
          );
    if (pushed?.status === 201) return digest;
    // If the upload is gone, either a request whose answer was lost has finished it, or it must start again.
    if (pushed !== undefined && pushed.status !== 404 && pushed.status !== 416) {
      throw new Error(
        `push of ${digest} answered ${pushed.status} ${new TextDecoder().decode(pushed.bytes)}`,
      );
    }
    if ((await client.call("HEAD", `/v2/${repository}/blobs/${digest}`)).status === 200) return digest;
  }
  throw new Error(`${digest} could not be pushed`);
}

/** One upload session; `undefined` if it was lost. */
async function pushBySession(
  client: PatientClient,
  repository: string,
  bytes: Uint8Array,
  digest: Digest,
  chunkBytes: number,
): Promise<Answer | undefined> {
  const opened = await client.call("POST", `/v2/${repository}/blobs/uploads/`);
  const location = opened.headers.get("location");
  if (opened.status !== 202 || location === null) throw new Error(`POST answered ${opened.status}`);
  let offset = 0;
  for (let sent = 0; offset + chunkBytes < bytes.byteLength; sent += 1) {
    const end = offset + chunkBytes;
    const headers = { "content-range": `${offset}-${end - 1}`, "content-type": "application/octet-stream" };
    const answer = await client.attempt("PATCH", location, { headers, body: bytes.subarray(offset, end) });
    const next = answer?.status === 202 ? end : await findOffset(client, location);
    if (next === undefined || sent > 200) return undefined;
    offset = next;
  }
  const headers = { "content-range": `${offset}-${bytes.byteLength - 1}` };
  const last = offset === 0 ? {} : { headers };
  const answer = await client.attempt("PUT", `${location}&digest=${digest}`, {
    ...last,
    body: bytes.subarray(offset),
  });
  return answer;
}

/** The size of an upload after a failed attempt. */
async function findOffset(client: PatientClient, location: string): Promise<number | undefined> {
  const status = await client.call("GET", location);
  if (status.status !== 204) return undefined;
  const last = Number(status.headers.get("range")?.split("-")[1]);
  // `0-0` also means no bytes; chunks are longer than one byte.
  return last === 0 ? 0 : last + 1;
}
