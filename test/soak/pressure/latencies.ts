/** A summary of a series of latencies, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The median of the 99th percentiles of equal windows. */
  readonly windowP99: number;
}

/** Latencies of one window: two seconds of the probe. */
const WINDOW = 400;

/** Summarizes latencies, given in the order in which they were measured. */
export function summarize(latencies: readonly number[]): LatencySummary {
  const windows: number[] = [];
  for (let at = 0; at + WINDOW <= latencies.length; at += WINDOW)
    windows.push(percentile(latencies.slice(at, at + WINDOW), 0.99));
  const p99 = percentile(latencies, 0.99);
  return {
    count: latencies.length,
    p50: percentile(latencies, 0.5),
    p99,
    max: percentile(latencies, 1),
    windowP99: windows.length === 0 ? p99 : percentile(windows, 0.5),
  };
}

/** The value at a quantile. */
function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/** The summary as text, such as `p50 0.31, p99 1.20, max 8.01 ms`. */
export function shownLatencies({ p50, p99, max, windowP99 }: LatencySummary): string {
  const [a, b, c, d] = [p50, p99, max, windowP99].map((value) => value.toFixed(2));
  return `p50 ${a}, p99 ${b} (median window ${d}), max ${c} ms`;
}
