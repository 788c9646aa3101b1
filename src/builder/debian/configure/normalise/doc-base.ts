import { epochSeconds, textRewrite } from "./rewrite.ts";

/** doc-base's list of what it registered, with the image's time as the time at which each file was changed. */
export const rewriteDocBase = textRewrite((text, { createdAt }) =>
  text.replace(/^( +CT: )[0-9]+$/gm, `$1${epochSeconds(createdAt)}`),
);
