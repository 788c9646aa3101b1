import { publicAddress } from "./public-address.ts";

const MAX_REASON_LENGTH = 500;
/** Lines that do not help to find the cause. */
const NOISE = /^(?:warning:|hint:|Please make sure|and the repository exists)/;

/** Why git failed, by its output, without credentials and without paths of this host. */
export function gitReason(stderr: string, url: string): string {
  const lines = Bun.stripANSI(stderr.replaceAll(url, () => publicAddress(url)))
    .split(/[\r\n]+/)
    .map((line) => withoutControls(line).trim())
    .filter((line) => line !== "" && !NOISE.test(line));
  const text = lines.join("; ").replaceAll(/(?<=:\/\/)[^/\s]*@/g, "");
  // Keep the last name of a path, which tells a key file from a file of known hosts.
  const reason = text.replaceAll(/(?<![\w.:/])\/(?:[^/\s'"]+\/)+/g, "…/").slice(-MAX_REASON_LENGTH);
  return reason === "" ? "git failed" : reason;
}

function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ");
}
