import { RegistryError } from "../../oci/registry-error.ts";

/** What web pages of other origins may do (Fetch standard, "CORS protocol"). */
export interface CorsRules {
  /** Such as `https://ui.example.com`; `*` stands for any. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly requestHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
  /** Whether browsers may send cookies and saved passwords. Not with the origin `*`. */
  readonly credentials: boolean;
  /** How long a browser may remember the answer to a preflight request. */
  readonly maxAgeSeconds: number;
}

/** Methods that change nothing. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The web pages that may use the registry. Browsers name a page's origin in `Origin`; other clients send none. */
export class Origins {
  readonly #rules: CorsRules;
  readonly #allowsAny: boolean;
  readonly #preflight: Readonly<Record<string, string>>;

  constructor(rules: CorsRules) {
    this.#rules = rules;
    this.#allowsAny = rules.origins.includes("*");
    this.#preflight = {
      "Access-Control-Allow-Methods": rules.methods.join(", "),
      "Access-Control-Allow-Headers": rules.requestHeaders.join(", "),
      "Access-Control-Max-Age": String(rules.maxAgeSeconds),
    };
  }

  /**
   * Refuses a write that a foreign page sends. Browsers send some writes without asking first, and hide only the answer.
   *
   * @throws {RegistryError} `access-denied`
   */
  requireKnown({ method, headers }: Request): void {
    if (SAFE.has(method)) return;
    const origin = headers.get("origin");
    if (origin === null || isOwn(origin, headers.get("host"))) return;
    if (this.#allows(origin) && this.#rules.methods.includes(method)) return;
    throw new RegistryError(
      "access-denied",
      "web pages of this origin may not do this; see http.cors.origins and http.cors.methods",
    );
  }

  /** Adds to an answer what the browser has to know. */
  addTo(answer: Headers, { method, headers }: Request): void {
    if (this.#rules.origins.length === 0) return;
    if (!this.#allowsAny) answer.append("Vary", "Origin");
    const origin = headers.get("origin");
    if (origin === null || !this.#allows(origin)) return;
    answer.set("Access-Control-Allow-Origin", this.#allowsAny ? "*" : origin);
    if (this.#rules.credentials) answer.set("Access-Control-Allow-Credentials", "true");
    if (method === "OPTIONS" && headers.has("access-control-request-method")) {
      for (const [name, value] of Object.entries(this.#preflight)) answer.set(name, value);
    } else if (this.#rules.exposedHeaders.length > 0) {
      answer.set("Access-Control-Expose-Headers", this.#rules.exposedHeaders.join(", "));
    }
  }

  #allows(origin: string): boolean {
    return this.#allowsAny || this.#rules.origins.includes(origin);
  }
}

/** Whether a page comes from this server. A proxy in front may add TLS, so the scheme says nothing. */
function isOwn(origin: string, host: string | null): boolean {
  return host !== null && (origin === `http://${host}` || origin === `https://${host}`);
}
