import { epochSeconds, type Rewrite } from "./rewrite.ts";

const SECONDS_PER_DAY = 86_400;

/** Accounts with the image's day as the day of their last password change, where they have one (shadow(5)). */
export const rewriteShadow: Rewrite = (_path, bytes, { createdAt }) => {
  const day = Math.floor(epochSeconds(createdAt) / SECONDS_PER_DAY);
  // Latin-1, so that any bytes come through.
  const text = Buffer.from(bytes).toString("latin1");
  const rewritten = text.replace(/^([^:\n]*:[^:\n]*:)[0-9]+(?=:)/gm, `$1${day}`);
  return rewritten === text ? "unchanged" : Buffer.from(rewritten, "latin1");
};
