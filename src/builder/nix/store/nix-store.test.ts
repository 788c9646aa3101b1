import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { HAS_NIX, HOST_SHELL, makeRemovable } from "../../../../test/support/nix.ts";
import { openNixStore, testRunner } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import type { NixSettings } from "../nix-environment.ts";
import type { NixStore } from "./nix-store.ts";

setDefaultTimeout(300_000);

const LIMITS = { timeoutMs: 300_000, signal: new AbortController().signal };

describeWith("a package that Nix may not name when it fails", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-failures");
  });
  afterAll(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  const open = (name: string, settings: Partial<NixSettings>) =>
    openNixStore(join(folder.path, name), testRunner(), { sandboxPaths: HOST_SHELL, ...settings });

  it("is named when it takes too long, and what needs it is not", async () => {
    const store = open("slow", { builderTimeoutSeconds: 1 });
    const slow = derivation("slow-1", "sleep 600");
    const needing = await instantiate(store, derivation("needing-1", "exit 1", `needed = ${slow};`));
    await expect(store.realise([needing], { ...LIMITS, mayBuild: true })).rejects.toMatchObject({
      fault: "build-failed",
      detail: { packages: [{ name: "slow-1", reason: expect.stringContaining("too long") }] },
    });
  });

  it("is named when nothing may be built", async () => {
    const store = open("jobless", {});
    const unbuilt = await instantiate(store, derivation("unbuilt-1", "exit 1"));
    await expect(store.realise([unbuilt], { ...LIMITS, mayBuild: false })).rejects.toMatchObject({
      fault: "build-failed",
      detail: { packages: [{ name: "unbuilt-1" }] },
    });
  });
});

function derivation(name: string, script: string, fields = ""): string {
  const builder = `builder = "/bin/sh"; args = [ "-c" "${script}" ]; PATH = "/usr/bin:/bin";`;
  return `(derivation { name = "${name}"; system = builtins.currentSystem; ${builder} ${fields} })`;
}

async function instantiate(store: NixStore, expression: string): Promise<string> {
  const { stdout } = await store.run(["nix-instantiate", "-E", expression], LIMITS);
  return `${stdout.trim()}!out`;
}
