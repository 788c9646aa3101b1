/** Gets a manifest, building its image if need be; resolves to the seconds until its last byte. */
export async function manifestSeconds(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { signal: AbortSignal.timeout(1_800_000) });
  const text = await response.text();
  const seconds = (performance.now() - startedAt) / 1000;
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return seconds;
}
