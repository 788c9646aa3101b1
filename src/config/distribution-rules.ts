import { headerSettings, headerWarning } from "./distribution-headers.ts";
import type { Tree } from "./tree.ts";

/** How to read one key of Distribution's configuration. */
export type DistributionRule =
  /** Sets these settings of Slipway. */
  | {
      readonly kind: "use";
      readonly settings: (value: unknown, source: Tree) => Readonly<Record<string, unknown>>;
      /** What of the value has no effect; `undefined` if all of it has. */
      readonly warning?: ((value: unknown) => string | undefined) | undefined;
    }
  /** Slipway has no such setting, and ignoring it is safe. */
  | { readonly kind: "warn"; readonly reason: string }
  /** Ignoring it would break something, or open what the operator closed. */
  | { readonly kind: "refuse"; readonly reason: string }
  /** Has no meaning here; ignored without a warning. */
  | { readonly kind: "ignore" };

const use = (
  settings: (value: unknown, source: Tree) => Readonly<Record<string, unknown>>,
  warning?: (value: unknown) => string | undefined,
): DistributionRule => ({
  kind: "use",
  settings,
  warning,
});
const setting = (path: string): DistributionRule => use((value) => ({ [path]: value }));
const warn = (reason = "is not supported; ignored"): DistributionRule => ({ kind: "warn", reason });
const refuse = (reason: string): DistributionRule => ({ kind: "refuse", reason });
const ignore: DistributionRule = { kind: "ignore" };

/** Refuses a value that turns something on; accepts any other. */
const refuseIf = (isOn: (value: unknown) => boolean, reason: string): DistributionRule =>
  use((value) => {
    if (isOn(value)) throw new Error(reason);
    return {};
  });

/**
 * Every key that Distribution knows, by its path. `*` stands for any one key. A rule also applies to all keys below it,
 * unless they have their own rule.
 */
export const DISTRIBUTION_RULES: Readonly<Record<string, DistributionRule>> = {
  version: ignore,
  "log.level": setting("log.level"),
  loglevel: use((value, source) => (hasLogLevel(source) ? {} : { "log.level": value })),
  log: warn(),

  "storage.filesystem": use(() => ({ "content.driver": "filesystem" })),
  "storage.filesystem.rootdirectory": setting("content.root"),
  "storage.filesystem.maxthreads": ignore,
  "storage.inmemory": use(() => ({ "content.driver": "memory" })),
  ...s3Rules("storage.s3"),
  ...s3Rules("storage.s3aws"),
  "storage.gcs": refuse("Slipway has no driver for this store"),
  "storage.azure": refuse("Slipway has no driver for this store"),
  "storage.delete.enabled": setting("registry.deletes"),
  "storage.redirect.disable": use((value, source) =>
    usesS3(source) ? { "content.redirect": value !== true } : {},
  ),
  "storage.cache.blobdescriptor": use((value, source) => cacheSettings(value, source)),
  "storage.cache.layerinfo": use((value, source) => cacheSettings(value, source)),
  "storage.cache.blobdescriptorsize": use((value, source) => {
    const isSet = cacheOf(source) === "inmemory" && Number(value) > 0;
    return isSet ? { "cache.maxEntries": value } : {};
  }),
  "storage.maintenance.uploadpurging.enabled": use((value) => {
    return value === false ? { "registry.uploadExpirySeconds": 365 * 86_400 } : {};
  }),
  "storage.maintenance.uploadpurging.age": use((value) => ({
    "registry.uploadExpirySeconds": seconds(value),
  })),
  "storage.maintenance.uploadpurging": warn("is not supported; expired uploads are removed every hour"),
  "storage.maintenance.readonly.enabled": refuseIf(
    (value) => value === true,
    "Slipway has no read-only mode",
  ),
  "storage.tag": ignore,
  storage: refuse("Slipway does not know this store"),

  "auth.none": ignore,
  auth: refuse("Slipway has no access control yet, so anyone could do what this forbids"),
  middleware: warn(),

  "http.addr": use((value) => address(String(value))),
  "http.net": refuseIf((value) => value !== "tcp", "Slipway listens on TCP only"),
  "http.prefix": refuseIf((value) => value !== "/" && value !== "", "paths cannot have a prefix"),
  "http.host": warn("Location headers are relative, so no host is needed"),
  "http.relativeurls": ignore,
  "http.secret": ignore,
  "http.draintimeout": use((value) => ({ "http.drainTimeoutSeconds": Math.max(1, seconds(value)) })),
  "http.headers": use(headerSettings, headerWarning),
  "http.headers.*": ignore,
  "http.tls": refuse("Slipway does not serve TLS; put a proxy in front of it and remove this"),
  http: warn(),

  "redis.addrs": use((_, source) => redisSettings(source)),
  "redis.username": ignore,
  "redis.password": ignore,
  "redis.db": ignore,
  "redis.tls": refuse(
    "the connection would not be encrypted; use cache.url with rediss:// in a Slipway configuration",
  ),
  redis: warn(),

  "catalog.maxentries": use((value) => ({ "http.catalogPageSize": Number(value) > 0 ? value : 1000 })),
  "tags.maxtags": use((value) => ({ "http.tagPageSize": Number(value) > 0 ? value : 1000 })),
  "validation.manifests.indexes.platforms": use((value) =>
    value === "none" ? { "registry.sparseManifests": true } : {},
  ),
  validation: warn(),
  policy: warn(),
  notifications: warn(),
  health: warn(),
  reporting: warn(),
  compatibility: warn(),
  "proxy.remoteurl": refuseIf(
    (value) => Boolean(value),
    "Slipway has no pull-through mode and would accept pushes",
  ),
  proxy: ignore,
};

function s3Rules(path: string): Readonly<Record<string, DistributionRule>> {
  const rules: Readonly<Record<string, DistributionRule>> = {
    bucket: setting("content.bucket"),
    region: setting("content.region"),
    regionendpoint: use((value) => ({ "content.endpoint": withScheme(String(value)) })),
    redirectendpoint: use((value) => ({ "content.redirectEndpoint": withScheme(String(value)) })),
    forcepathstyle: setting("content.forcePathStyle"),
    accesskey: setting("content.accessKeyId"),
    secretkey: setting("content.secretAccessKey"),
    rootdirectory: use((value) => ({ "content.root": String(value).replace(/^\/+/, "") })),
    chunksize: setting("content.partBytes"),
    storageclass: use((value) => (value === "NONE" ? {} : { "content.storageClass": value })),
    encrypt: use((value) => (value === true ? { "content.encryption": "AES256" } : {})),
    keyid: use((value) => ({ "content.encryption": "aws:kms", "content.encryptionKeyId": value })),
    secure: refuseIf((value) => value === false, "write http:// in regionendpoint instead"),
    skipverify: refuseIf((value) => value === true, "certificates are always verified"),
  };
  const driver = { [path]: use(() => ({ "content.driver": "s3", "content.redirect": true })) };
  const keys = Object.entries(rules).map(([key, rule]) => [`${path}.${key}`, rule] as const);
  return { ...driver, ...Object.fromEntries(keys), [`${path}.*`]: warn() };
}

function at(tree: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], tree);
}

function hasLogLevel(source: Tree): boolean {
  return at(source, "log", "level") !== undefined;
}

function usesS3(source: Tree): boolean {
  return at(source, "storage", "s3") !== undefined || at(source, "storage", "s3aws") !== undefined;
}

function cacheOf(source: Tree): unknown {
  return at(source, "storage", "cache", "blobdescriptor") ?? at(source, "storage", "cache", "layerinfo");
}

function cacheSettings(value: unknown, source: Tree): Readonly<Record<string, unknown>> {
  if (value !== cacheOf(source)) return {};
  if (value === "inmemory") return { "cache.driver": "memory" };
  if (value === "redis") return { "cache.driver": "redis" };
  throw new Error(`unknown descriptor cache ${String(value)}`);
}

/** Slipway uses Redis only for the descriptor cache. */
function redisSettings(source: Tree): Readonly<Record<string, unknown>> {
  if (cacheOf(source) !== "redis") return {};
  const addresses = at(source, "redis", "addrs");
  const [address, ...others] = Array.isArray(addresses) ? addresses : [];
  if (typeof address !== "string" || others.length > 0)
    throw new Error("name one Redis server; clusters are not supported");
  const [user, password] = [at(source, "redis", "username"), at(source, "redis", "password")];
  const part = (text: unknown) => (text === undefined ? "" : encodeURIComponent(String(text)));
  const credentials = user === undefined && password === undefined ? "" : `${part(user)}:${part(password)}@`;
  return { "cache.url": `redis://${credentials}${address}/${Number(at(source, "redis", "db") ?? 0)}` };
}

/** Distribution listens on every address when none is named. */
function address(text: string): Readonly<Record<string, unknown>> {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { "http.host": host === "" ? "0.0.0.0" : host, "http.port": Number(text.slice(colon + 1)) };
}

function withScheme(endpoint: string): string {
  return endpoint.includes("://") ? endpoint : `https://${endpoint}`;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** Whole seconds of a duration such as `1h30m`; a bare number counts nanoseconds, as in Go. */
function seconds(value: unknown): number {
  if (typeof value === "number") return Math.ceil(value / 1e9);
  const parts = [...String(value).matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== String(value)) {
    throw new Error(`is not a duration: ${String(value)}`);
  }
  return Math.ceil(
    parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNIT_SECONDS[unit] ?? 0), 0),
  );
}
