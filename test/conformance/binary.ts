import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/command.ts";
import type { TemporaryFolder } from "../support/temporary-folder.ts";

const MODULE = "github.com/opencontainers/distribution-spec/conformance";
const ROOT = join(import.meta.dir, "../..");

/** The suite's program cannot be had on this machine; the message says why. */
export class NotAvailable extends Error {
  override readonly name = "NotAvailable";
}

/**
 * Path of the suite's program: in `SLIPWAY_TEST_BIN`, on the search path, or built in `folder` at the version that
 * `.ci/go-tools` pins.
 *
 * @throws {NotAvailable}
 */
export async function conformanceBinary(folder: TemporaryFolder): Promise<string> {
  const path = [process.env.SLIPWAY_TEST_BIN, process.env.PATH].filter(Boolean).join(":");
  const found = Bun.which("conformance", { PATH: path });
  if (found !== null) return found;
  if (Bun.which("go") === null) {
    throw new NotAvailable("there is no program `conformance`, and no Go to build it with");
  }
  const pins = await readFile(join(ROOT, ".ci/go-tools"), "utf8");
  const version = new RegExp(`^conformance ${MODULE} (\\S+)`, "m").exec(pins)?.[1];
  if (version === undefined) throw new Error(".ci/go-tools pins no version of the suite");
  console.log(`building ${MODULE} ${version}`);
  const environment = { GOBIN: folder.path, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
  const { exitCode, stderr } = await run(["go", "install", `${MODULE}@${version}`], environment);
  if (exitCode !== 0) throw new NotAvailable(`the suite's Go module cannot be had:\n${stderr.trim()}`);
  return join(folder.path, "conformance");
}
