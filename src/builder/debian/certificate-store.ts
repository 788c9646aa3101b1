import { basename } from "node:path";
import { x509SubjectHash } from "./x509-subject-hash.ts";

/** Files and links to add to a layer, by path. */
export interface DerivedFile {
  readonly path: string;
  /** Content of a file. */
  readonly bytes?: Uint8Array;
  /** Target of a symbolic link. */
  readonly linkTarget?: string;
}

const FOLDER = "etc/ssl/certs";
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;

/**
 * The files that `update-ca-certificates` makes if it trusts all certificates in /usr/share/ca-certificates.
 *
 * These are the bundle, a link per certificate, the links by subject hash that OpenSSL follows, and the list of trusted
 * certificates. `certificates` are PEM texts by their path in the image.
 */
export function certificateStore(certificates: ReadonlyMap<string, string>): readonly DerivedFile[] {
  if (certificates.size === 0) return [];
  const paths = [...certificates.keys()].toSorted();
  const hashes = new Map<string, number>();
  const files: DerivedFile[] = [];
  let bundle = "";
  for (const path of paths) {
    const text = certificates.get(path) ?? "";
    const link = linkName(path);
    bundle += text.endsWith("\n") ? text : `${text}\n`;
    files.push({ path: `${FOLDER}/${link}`, linkTarget: `/${path}` });
    const base64 = PEM.exec(text)?.[1];
    if (base64 === undefined) continue;
    const hash = x509SubjectHash(Buffer.from(base64, "base64"));
    const count = hashes.get(hash) ?? 0;
    hashes.set(hash, count + 1);
    files.push({ path: `${FOLDER}/${hash}.${count}`, linkTarget: link });
  }
  const list = paths.map((path) => path.replace("usr/share/ca-certificates/", "")).join("\n");
  files.push({ path: `${FOLDER}/ca-certificates.crt`, bytes: Buffer.from(bundle) });
  files.push({ path: "etc/ca-certificates.conf", bytes: Buffer.from(`${list}\n`) });
  return files.toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

/** The name that update-ca-certificates uses. */
function linkName(path: string): string {
  const name = basename(path, ".crt").replaceAll(" ", "_").replaceAll(/[()]/g, "=").replaceAll(",", "_");
  return `${name}.pem`;
}
