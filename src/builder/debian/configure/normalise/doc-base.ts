import { epochSeconds, type Rewrite } from "./rewrite.ts";

/** doc-base's list of what it registered, with the image's time as the time at which each file was changed. */
export const rewriteDocBase: Rewrite = (_path, bytes, { createdAt }) => {
  // Latin-1, so that any bytes come through.
  const text = Buffer.from(bytes).toString("latin1");
  const rewritten = text.replace(/^( +CT: )[0-9]+$/gm, `$1${epochSeconds(createdAt)}`);
  return rewritten === text ? "unchanged" : Buffer.from(rewritten, "latin1");
};
