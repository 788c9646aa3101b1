import { describe, expect, it } from "bun:test";
import { readNixTexts } from "../../../../test/support/nix-texts.ts";
import { tarballReason } from "./nix-tarball.ts";

describe.each(readNixTexts().map((texts) => [texts.version, texts] as const))("Nix %s", (_, texts) => {
  it.each([
    ["unknown", /^HTTP error 404(?: \('Not Found'\))?$/],
    ["refused", /^Could(?: not|n't) connect to server \(7\)$/],
    ["noFile", /^Could(?: not|n't) read a file:\/\/ file \(37\)$|^Nix cannot fetch and unpack it$/],
  ])("says why a tarball was not fetched, without its address: %s", (name, reason) => {
    expect(tarballReason(texts.tarballs[name]?.stderr ?? "")).toMatch(reason);
  });
});
