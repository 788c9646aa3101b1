/** Pushes a blob from a file in one POST and one PUT; resolves to the seconds that both took. */
export async function pushBlob(
  origin: string,
  repository: string,
  digest: string,
  path: string,
): Promise<number> {
  const started = performance.now();
  const opened = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const openedSeconds = (performance.now() - started) / 1000;
  const location = opened.headers.get("location");
  if (opened.status !== 202 || location === null)
    throw new Error(`${origin}: POST answered ${opened.status}`);
  const target = new URL(location, origin);
  target.searchParams.set("digest", digest);
  return openedSeconds + (await putFile(target.href, path));
}

/** Sends a file without copying, so that it uses little processor time; resolves to the seconds of the request. */
async function putFile(url: string, path: string): Promise<number> {
  const headers = { "content-type": "application/octet-stream" };
  const started = performance.now();
  const response = await fetch(url, { method: "PUT", headers, body: Bun.file(path) });
  const seconds = (performance.now() - started) / 1000;
  if (response.status !== 201)
    throw new Error(`PUT ${url} answered ${response.status}: ${await response.text()}`);
  return seconds;
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
