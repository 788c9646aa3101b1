import { describe, expect, it } from "bun:test";
import { parse } from "yaml";
import { isDistributionConfig, translateDistribution } from "./distribution-config.ts";
import { applyDistributionEnvironment } from "./distribution-environment.ts";
import { ConfigSchema } from "./schema.ts";

function translate(text: string, environment: Record<string, string> = {}) {
  const source = parse(text);
  applyDistributionEnvironment(source, environment);
  return translateDistribution(source);
}

const MINIMAL = "version: 0.1\nstorage: { filesystem: { rootdirectory: /srv/registry } }\n";

describe("a configuration of Distribution's", () => {
  it("is recognised by its version", () => {
    expect(isDistributionConfig(parse(MINIMAL))).toBe(true);
    expect(isDistributionConfig({ data: "./data" })).toBe(false);
    expect(translate("version: 0.2\nstorage: inmemory").problems).toEqual(["version: 0.2 is not supported"]);
  });

  it("keeps Distribution's defaults unless told otherwise", () => {
    const { tree, warnings, problems } = translate(MINIMAL);
    expect({ warnings, problems }).toEqual({ warnings: [], problems: [] });
    expect(tree).toEqual({
      content: { driver: "filesystem", root: "/srv/registry" },
      registry: { deletes: false },
      http: { tagPageSize: 1000 },
      cache: { driver: "none" },
    });
  });

  it("sets bucket, cache, address and limits", () => {
    const { tree, problems } = translate(`
version: 0.1
log: { level: warn }
storage:
  s3: { bucket: b, region: eu-west-1, regionendpoint: "http://127.0.0.1:9000", forcepathstyle: true, rootdirectory: /r, chunksize: 10485760 }
  redirect: { disable: true }
  delete: { enabled: true }
  cache: { blobdescriptor: redis }
  maintenance: { uploadpurging: { enabled: true, age: 24h } }
redis: { addrs: ["127.0.0.1:6379"], password: "p/w", db: 2 }
http: { addr: ":5000", draintimeout: 1m30s }
catalog: { maxentries: 50 }
`);
    expect(problems).toEqual([]);
    expect(tree).toMatchObject({
      log: { level: "warn" },
      content: {
        driver: "s3",
        bucket: "b",
        region: "eu-west-1",
        endpoint: "http://127.0.0.1:9000",
        forcePathStyle: true,
        root: "r",
        partBytes: 10_485_760,
        redirect: false,
      },
      cache: { driver: "redis", url: "redis://:p%2Fw@127.0.0.1:6379/2" },
      registry: { deletes: true, uploadExpirySeconds: 86_400 },
      http: { host: "0.0.0.0", port: 5000, drainTimeoutSeconds: 90, catalogPageSize: 50 },
    });
  });

  it("warns that layerinfo is deprecated, and treats it as blobdescriptor", () => {
    const { tree, warnings } = translate(
      "version: 0.1\nstorage: { inmemory: {}, cache: { layerinfo: inmemory } }",
    );
    expect(tree).toMatchObject({ cache: { driver: "memory" } });
    expect(warnings).toEqual(["storage.cache.layerinfo: is deprecated; use storage.cache.blobdescriptor"]);
  });

  it.each([
    ["auth: { htpasswd: { realm: r, path: /p } }", "auth.htpasswd.realm"],
    ["auth: silly", "auth.silly"],
    ["http: { tls: { certificate: /c, key: /k } }", "http.tls.certificate"],
    ["http: { net: unix, addr: /run/x.sock }", "http.net"],
    ["storage: { gcs: { bucket: b } }", "storage.gcs.bucket"],
    [
      "storage: { inmemory: {}, maintenance: { readonly: { enabled: true } } }",
      "storage.maintenance.readonly.enabled",
    ],
    ["proxy: { remoteurl: 'https://example.com' }", "proxy.remoteurl"],
    ["redis: { addrs: [a:1], tls: { certificate: /c } }", "redis.tls.certificate"],
    [
      "storage: { inmemory: {}, maintenance: { uploadpurging: { age: soon } } }",
      "storage.maintenance.uploadpurging.age",
    ],
  ])("stops the start over %s", (text, path) => {
    const { problems } = translate(`version: 0.1\n${text}`);
    expect(problems.map((problem) => problem.split(":")[0])).toContain(path);
  });

  it("lists ignored settings by path", () => {
    const { warnings, problems } = translate(`
${MINIMAL}
health: { storagedriver: { enabled: true } }
notifications: { endpoints: [{ name: n, url: "http://x" }] }
http: { debug: { addr: ":5001" } }
nonsense: { a: 1 }
`);
    expect(problems).toEqual([]);
    expect(warnings.map((warning) => warning.split(":")[0])).toEqual([
      "health.storagedriver.enabled",
      "notifications.endpoints",
      "http.debug.addr",
      "nonsense.a",
    ]);
  });

  it("sends its headers, and reads those for browsers as settings of their own", () => {
    const { tree, warnings, problems } = translate(`
${MINIMAL}
http:
  headers:
    X-Content-Type-Options: [nosniff]
    Strict-Transport-Security: max-age=1
    Access-Control-Allow-Origin: ["https://ui.example.com"]
    access-control-allow-methods: ["HEAD, GET", OPTIONS, DELETE]
    Access-Control-Allow-Headers: [Authorization, Accept]
    Access-Control-Expose-Headers: [Docker-Content-Digest]
    Access-Control-Max-Age: [1728]
    Access-Control-Allow-Credentials: [true]
`);
    expect({ warnings, problems }).toEqual({ warnings: [], problems: [] });
    expect(tree.http).toEqual({
      tagPageSize: 1000,
      headers: { "X-Content-Type-Options": ["nosniff"], "Strict-Transport-Security": ["max-age=1"] },
      cors: {
        origins: ["https://ui.example.com"],
        methods: ["HEAD", "GET", "OPTIONS", "DELETE"],
        requestHeaders: ["Authorization", "Accept"],
        exposedHeaders: ["Docker-Content-Digest"],
        maxAgeSeconds: 1728,
        credentials: true,
      },
    });
    expect(ConfigSchema.safeParse(tree).success).toBe(true);
  });

  it("drops credentials for any origin with a warning, as browsers do silently", () => {
    const { tree, warnings } = translate(
      `${MINIMAL}http: { headers: { Access-Control-Allow-Origin: ["*"], Access-Control-Allow-Credentials: [true] } }`,
    );
    expect(tree).toMatchObject({ http: { cors: { origins: ["*"] } } });
    expect(warnings.map((warning) => warning.split(":")[0])).toEqual(["http.headers"]);
    expect(ConfigSchema.safeParse(tree).success).toBe(true);
  });

  it("takes no variable that Kubernetes made for a Service called registry", () => {
    const { tree, warnings } = translate(MINIMAL, {
      REGISTRY_PORT: "tcp://10.0.0.1:5000",
      REGISTRY_SERVICE_HOST: "10.0.0.1",
      REGISTRY_PORT_5000_TCP_ADDR: "10.0.0.1",
      REGISTRY_HTTP_PORT: "tcp://10.0.0.1:80",
    });
    expect(warnings).toEqual([]);
    expect(tree).toEqual(translate(MINIMAL).tree);
  });

  it("is overridden by REGISTRY_ variables: YAML values, list indexes, keys in any case", () => {
    const { tree } = translate("version: 0.1\nstorage: { s3: { bucket: a } }\nredis: { addrs: [x:1] }", {
      REGISTRY_STORAGE_S3_BUCKET: "b",
      REGISTRY_STORAGE_DELETE_ENABLED: "true",
      REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: "redis",
      REGISTRY_REDIS_ADDRS_0: "y:2",
      REGISTRY_HTTP_ADDR: "127.0.0.1:6000",
    });
    expect(tree).toMatchObject({
      content: { bucket: "b" },
      registry: { deletes: true },
      cache: { url: "redis://y:2/0" },
      http: { host: "127.0.0.1", port: 6000 },
    });
  });
});
