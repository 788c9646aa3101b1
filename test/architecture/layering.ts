import type { SourceModule } from "./source-module.ts";

/** The files of the storage folders that code outside them may import. */
const PORTS: ReadonlySet<string> = new Set([
  "src/content/content-driver.ts",
  "src/content/blob-services.ts",
  "src/metadata/sql-engine.ts",
  "src/cache/descriptor-cache.ts",
]);

/** Folders that contain only ports. */
const PORT_FOLDERS: readonly string[] = ["src/metadata/ports/"];

const STORAGE: ReadonlySet<string> = new Set(["content", "metadata", "cache"]);

/** Files directly in `src` that any file may import. */
const COMMON: ReadonlySet<string> = new Set(["clock", "log", "version"]);

interface Layer {
  /** Folders it may import anything from. */
  readonly folders: readonly string[];
  /** The ports of the storage folders that it may import. */
  readonly ports?: "types" | "all";
}

/** Folders at the bottom, which nearly all others may import. */
const BOTTOM: readonly string[] = ["concurrency", "bytes", "threads", "files", "oci"];

/** Folders that do not exist yet, so that their first file has a rule. */
const PLANNED_LAYERS: Readonly<Record<string, Layer>> = {
  access: { folders: [...BOTTOM, "registry"], ports: "all" },
  mirror: { folders: [...BOTTOM, "registry"], ports: "all" },
  events: { folders: [...BOTTOM, "registry"], ports: "all" },
  api: { folders: [...BOTTOM, "registry", "builder", "events", "http"], ports: "all" },
  ui: { folders: [] },
  page: { folders: [...BOTTOM, "registry", "http", "ui"], ports: "all" },
};

// Downwards only; ARCHITECTURE.md draws it.
const LAYERS: Readonly<Record<string, Layer>> = {
  ...PLANNED_LAYERS,
  clock: { folders: [] },
  log: { folders: [] },
  version: { folders: ["package.json"] },
  concurrency: { folders: [] },
  bytes: { folders: [] },
  threads: { folders: [] },
  files: { folders: [] },
  oci: { folders: ["bytes", "concurrency", "files"] },
  config: { folders: ["oci"] },
  content: { folders: BOTTOM, ports: "types" },
  metadata: { folders: BOTTOM, ports: "types" },
  cache: { folders: BOTTOM, ports: "types" },
  registry: { folders: BOTTOM, ports: "all" },
  builder: { folders: [...BOTTOM, "registry"], ports: "all" },
  http: { folders: [...BOTTOM, "registry"], ports: "all" },
  upkeep: { folders: [...BOTTOM, "registry", "builder", "events"], ports: "all" },
  compose: {
    folders: [
      ...[...BOTTOM, "config", ...STORAGE, "registry", "builder", "http", "upkeep"],
      ...Object.keys(PLANNED_LAYERS),
    ],
  },
  cli: { folders: [...BOTTOM, "config", "registry", "builder", "http", "compose"], ports: "all" },
};

/** One line for each import in `src` that points upwards, sideways, or past a port. */
export function layeringProblems(modules: readonly SourceModule[]): readonly string[] {
  return modules.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, isTypeOnly }) => {
      const problem = importProblem(path, target, isTypeOnly);
      return problem === undefined ? [] : [`${path} imports ${target}: ${problem}`];
    }),
  );
}

function importProblem(path: string, target: string, isTypeOnly: boolean): string | undefined {
  const from = layerOf(path);
  const to = layerOf(target);
  if (to === from || COMMON.has(to)) return undefined;
  const layer = LAYERS[from];
  if (layer === undefined) return `test/architecture/layering.ts has no rule for ${from}; add one`;
  if (layer.folders.includes(to)) return undefined;
  if (!STORAGE.has(to) || layer.ports === undefined) return `${from} may not import ${to}`;
  if (!isPort(target)) return `outside ${to}, only compose.ts may import what is not one of its ports`;
  if (layer.ports === "types" && !isTypeOnly) return `${from} may import only types from a port of ${to}`;
  return undefined;
}

function isPort(path: string): boolean {
  return PORTS.has(path) || PORT_FOLDERS.some((folder) => path.startsWith(folder));
}

/** The folder under `src`, or the name of a file directly in it; outside `src`, the path. */
function layerOf(path: string): string {
  const [root, name] = path.split("/");
  return root === "src" && name !== undefined ? name.replace(/\.ts$/, "") : path;
}
