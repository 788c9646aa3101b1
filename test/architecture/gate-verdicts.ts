/**
 * What a test result could depend on: a reading of a clock or of memory, or a pause after which something is expected.
 */
const READINGS: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  {
    what: "reads a clock",
    pattern: /\b(?:performance\.now|Date\.now|process\.hrtime|Bun\.nanoseconds)\b/,
  },
  {
    what: "waits for a time",
    pattern: /\bBun\.sleep\((?!0\))|\bsetTimeout\(|\bsetInterval\(|AbortSignal\.timeout\(/,
  },
  {
    what: "reads memory or load",
    pattern: /memoryUsage|VmHWM|VmRSS|peakMemoryBytes|resourceUsage|cpuUsage|loadavg|getrusage/,
  },
];

/** Whether `path` belongs to the gate: a test beside the code, or a file under `test` outside the soak tests. */
function isGateFile(path: string): boolean {
  if (path.startsWith("src/")) return path.endsWith(".test.ts");
  return /^test\/.*\.ts$/.test(path) && !/^test\/(?:soak|upstream)\//.test(path);
}

/**
 * One line for each file of the gate that reads a clock or memory, or waits for a time, and is not in `allowed`; and
 * for each file in `allowed` that no longer does. `allowed` gives the reason for each file.
 */
export function verdictProblems(
  files: ReadonlyMap<string, string>,
  allowed: Readonly<Record<string, string>>,
): readonly string[] {
  const found = new Map(
    [...files].flatMap(([path, text]) => {
      const readings = isGateFile(path) ? readingsIn(text) : [];
      return readings.length > 0 ? [[path, readings] as const] : [];
    }),
  );
  const unlisted = [...found].filter(([path]) => allowed[path] === undefined);
  const stale = Object.keys(allowed).filter((path) => !found.has(path));
  return [
    ...unlisted.flatMap(([path, readings]) => readings.map((reading) => `${path}:${reading}`)),
    ...stale.map((path) => `${path} is allowed to read a clock or memory, and does not`),
  ];
}

/** Such as `12 reads a clock`. */
function readingsIn(text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => {
    const code = line.replace(/^\s*(?:\/\/|\*|\/\*).*/, "");
    return READINGS.filter(({ pattern }) => pattern.test(code)).map(({ what }) => `${index + 1} ${what}`);
  });
}
