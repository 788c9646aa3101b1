import type { EvaluatedPackage } from "./evaluation/evaluation.ts";

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** The variables of every image. */
export const NIX_ENVIRONMENT: readonly string[] = [
  "PATH=/usr/local/bin:/usr/bin:/bin:/sbin",
  `SSL_CERT_FILE=${CERTIFICATES}`,
  `NIX_SSL_CERT_FILE=${CERTIFICATES}`,
  `GIT_SSL_CAINFO=${CERTIFICATES}`,
];

/** The command of a container: a shell if there is one, or else the program of the only package. */
export function imageCommand(requested: readonly EvaluatedPackage[]): readonly string[] | undefined {
  if (requested.some(({ attribute }) => attribute === "bashInteractive")) return ["bash"];
  const [only, ...others] = requested;
  if (only?.mainProgram == null || others.length > 0) return undefined;
  return [only.mainProgram];
}
