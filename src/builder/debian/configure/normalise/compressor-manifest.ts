import { textRewrite } from "./rewrite.ts";

const MANIFEST = /^\{\n(?: +"[0-9a-f]{64}": ".*",?\n)+\}\n?$/;

/**
 * Django Compressor's list of the files that it made, in order: `compress` lists each when a thread has ended with it. Its keys
 * are digests, each on a line of its own.
 */
export const rewriteCompressorManifest = textRewrite((text) => {
  if (!MANIFEST.test(text)) return text;
  const end = text.lastIndexOf("\n}");
  const lines = text.slice("{\n".length, end).split("\n");
  const entries = lines.map((line) => line.replace(/,$/, ""));
  return `{\n${entries.toSorted().join(",\n")}${text.slice(end)}`;
});
