import { epochSeconds, textRewrite } from "./rewrite.ts";

const SECONDS_PER_DAY = 86_400;

/** Accounts with the image's day as the day of their last password change, where they have one (shadow(5)). */
export const rewriteShadow = textRewrite((text, { createdAt }) => {
  const day = Math.floor(epochSeconds(createdAt) / SECONDS_PER_DAY);
  return text.replace(/^([^:\n]*:[^:\n]*:)[0-9]+(?=:)/gm, `$1${day}`);
});
