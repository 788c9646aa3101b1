/**
 * Pushes a blob from a file in one POST and one PUT; resolves to the seconds that both took. A PUT that the server refuses
 * for now is tried again when it says; `onRefused` is called each time.
 */
export async function pushBlob(
  origin: string,
  repository: string,
  digest: string,
  path: string,
  onRefused?: () => void,
): Promise<number> {
  const started = performance.now();
  const opened = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const openedSeconds = (performance.now() - started) / 1000;
  const location = opened.headers.get("location");
  if (opened.status !== 202 || location === null)
    throw new Error(`${origin}: POST answered ${opened.status}`);
  const target = new URL(location, origin);
  target.searchParams.set("digest", digest);
  return openedSeconds + (await putFile(target.href, path, onRefused));
}

/** Sends a file without copying, so that it uses little processor time; resolves to the seconds of the request. */
async function putFile(url: string, path: string, onRefused?: () => void): Promise<number> {
  const headers = { "content-type": "application/octet-stream" };
  const started = performance.now();
  const put = () => fetch(url, { method: "PUT", headers, body: Bun.file(path) }).catch(brokenOff);
  let response = await put();
  for (; onRefused !== undefined && (response?.status ?? 429) === 429; response = await put()) {
    onRefused();
    await Bun.sleep(Number(response?.headers.get("retry-after") ?? 1) * 1000);
  }
  if (response === undefined) throw new Error(`PUT ${url} was broken off`);
  const seconds = (performance.now() - started) / 1000;
  if (response.status !== 201)
    throw new Error(`PUT ${url} answered ${response.status}: ${await response.text()}`);
  return seconds;
}

/** The server has refused a body of which it has not read all, so that the client cannot send the rest. */
function brokenOff(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "EPIPE" && error.code !== "ECONNRESET") throw error;
}

/** Puts a manifest under a tag. */
export async function pushManifest(
  origin: string,
  repository: string,
  tag: string,
  mediaType: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const url = `${origin}/v2/${repository}/manifests/${tag}`;
  const response = await fetch(url, { method: "PUT", headers: { "content-type": mediaType }, body: bytes });
  if (response.status !== 201)
    throw new Error(`PUT ${url} answered ${response.status}: ${await response.text()}`);
}
