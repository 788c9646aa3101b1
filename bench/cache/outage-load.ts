/** The results of one phase of load. */
export interface LoadFigures {
  readonly requests: number;
  readonly failures: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
}

/** One request that must be answered with 200. */
export interface LoadRequest {
  readonly method: "GET" | "HEAD";
  readonly url: string;
}

const CLIENTS = 24;

/** Sends `requests` again and again, from several clients at once, while `work` runs. */
export async function loadDuring(
  requests: readonly LoadRequest[],
  work: () => Promise<void>,
): Promise<LoadFigures> {
  const times: number[] = [];
  let failures = 0;
  let ended = false;
  let turn = 0;
  const client = async () => {
    while (!ended) {
      const { method, url } = requests[turn++ % requests.length] as LoadRequest;
      const began = performance.now();
      const good = await fetch(url, { method }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status === 200;
        },
        () => false,
      );
      times.push(performance.now() - began);
      if (!good) failures += 1;
    }
  };
  const began = performance.now();
  const clients = Array.from({ length: CLIENTS }, client);
  await work();
  ended = true;
  await Promise.all(clients);
  const seconds = (performance.now() - began) / 1000;
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return {
    requests: times.length,
    failures,
    perSecond: times.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    slowest: sorted.at(-1) ?? 0,
  };
}
