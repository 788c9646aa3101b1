import type { BuildProgress } from "../builder/build-progress.ts";

const MIB = 1024 * 1024;

/**
 * Shows the progress of a build: on a terminal, one changing line for the running step; elsewhere, a line for each
 * finished step.
 */
export class BuildDisplay {
  readonly #output: NodeJS.WriteStream;
  readonly #isQuiet: boolean;
  #layers = { total: 0, done: 0, builtBytes: 0 };
  #hasShownDownload = false;
  #isLineOpen = false;

  constructor(output: NodeJS.WriteStream, isQuiet: boolean) {
    this.#output = output;
    this.#isQuiet = isQuiet;
  }

  /** Shows one event. */
  show(event: BuildProgress): void {
    if (this.#isQuiet) return;
    switch (event.kind) {
      case "resolve-started":
        this.#running(`resolve   ${event.packages.join(" ")}`);
        break;
      case "resolve-done":
        this.#line(`resolve   ${event.packageCount} packages, ${mebibytes(event.sizeBytes)}`);
        break;
      case "only-unpacked":
        this.#line(`unpack    packages are not configured: ${event.reason}`);
        break;
      case "plan-done":
        this.#planned(event.layerCount, event.cachedLayerCount);
        break;
      case "download":
        this.#download(event.doneBytes, event.totalBytes);
        break;
      case "layer-started":
        this.#running(`layers    ${this.#layers.done}/${this.#layers.total}  ${event.packages.join(" ")}`);
        break;
      case "configure-started":
        this.#running(`configure ${event.packageCount} packages (${event.stage})`);
        break;
      case "configure-line":
        this.#running(`configure ${event.line}`);
        break;
      case "layer-done":
        this.#layerDone(event.sizeBytes);
        break;
      case "image-done":
        this.#line(`image     ${event.digest} (${event.outcome})`);
        break;
    }
  }

  /** Shows why the build failed, even with `--quiet`. */
  fail(message: string, detail: unknown): void {
    this.close();
    this.#output.write(`slipway: ${message}\n`);
    if (detail !== undefined) this.#output.write(`${describeDetail(detail)}\n`);
  }

  /** Clears the changing line. */
  close(): void {
    if (this.#isLineOpen) this.#output.write("\r\x1b[K");
    this.#isLineOpen = false;
  }

  #planned(total: number, cached: number): void {
    this.#layers = { total, done: cached, builtBytes: 0 };
    this.#line(`plan      ${total} layers, ${cached} of them cached`);
  }

  #download(done: number, total: number): void {
    if (done < total) {
      this.#running(`download  ${mebibytes(done)} of ${mebibytes(total)}`);
    } else if (!this.#hasShownDownload) {
      this.#hasShownDownload = true;
      this.#line(`download  ${mebibytes(total)}`);
    }
  }

  #layerDone(sizeBytes: number): void {
    this.#layers.done += 1;
    this.#layers.builtBytes += sizeBytes;
    const text = `layers    ${this.#layers.done}/${this.#layers.total}, ${mebibytes(this.#layers.builtBytes)} new`;
    if (this.#layers.done === this.#layers.total) this.#line(text);
    else this.#running(text);
  }

  #running(text: string): void {
    if (!this.#output.isTTY) return;
    this.#output.write(`\r\x1b[K${text.slice(0, (this.#output.columns || 80) - 1)}`);
    this.#isLineOpen = true;
  }

  #line(text: string): void {
    this.close();
    this.#output.write(`${text}\n`);
  }
}

/** Bytes in MiB, for people. */
export function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function describeDetail(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (typeof detail !== "object" || detail === null) return String(detail);
  return Object.entries(detail)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `  ${key}: ${Array.isArray(value) ? value.map(textOf).join(", ") : textOf(value)}`)
    .join("\n");
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
