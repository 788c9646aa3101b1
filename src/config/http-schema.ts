import { z } from "zod";

const MEBIBYTE = 2 ** 20;
const DAY = 86_400;

/** A host name, an IPv4 address, or an IPv6 address in brackets. */
const HOST = /^(?:\*|\[[\da-fA-F:.]+\]|[\w](?:[\w.-]*[\w])?)$/;
/** RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const HEADER_VALUE = /^[\x20-\x7e]*$/;
/** Headers that the server itself decides about. */
const OWN_HEADERS =
  /^(?:access-control-.*|connection|content-encoding|content-length|content-range|date|keep-alive|te|trailer|transfer-encoding|upgrade|vary)$/i;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const HeaderText = z.string().regex(HEADER_VALUE, "is not printable ASCII");
const HeaderName = z.string().regex(HEADER_NAME, "is not a header's name");
const HeaderValue = z.union([HeaderText, z.array(HeaderText)]);

const Cors = z
  .strictObject({
    origins: z
      .array(
        z
          .string()
          .regex(
            /^(?:\*|[a-z][a-z\d+.-]*:\/\/[^/\s?#@]+)$/,
            "is not an origin such as https://ui.example.com",
          ),
      )
      .default([])
      .describe(
        "Origins of web pages that may use the registry, such as `https://ui.example.com`; `*` allows any",
      ),
    methods: z
      .array(z.enum(METHODS))
      .default(["GET", "HEAD", "OPTIONS"])
      .describe("Methods that these pages may use; a page that deletes images needs `DELETE`"),
    requestHeaders: z
      .array(HeaderName)
      .default([
        "Accept",
        "Authorization",
        "Cache-Control",
        "Content-Type",
        "If-Match",
        "If-None-Match",
        "Range",
      ])
      .describe("Request headers that these pages may set"),
    exposedHeaders: z
      .array(HeaderName)
      .default([
        "Content-Range",
        "Docker-Content-Digest",
        "Docker-Distribution-Api-Version",
        "Docker-Upload-UUID",
        "ETag",
        "Link",
        "Location",
        "OCI-Filters-Applied",
        "OCI-Subject",
        "Range",
        "Retry-After",
        "WWW-Authenticate",
      ])
      .describe("Response headers that these pages may read"),
    credentials: z
      .boolean()
      .default(false)
      .describe("Whether browsers may send saved passwords and cookies; not with the origin `*`"),
    maxAgeSeconds: z
      .int()
      .min(0)
      .max(DAY)
      .default(600)
      .describe("How long browsers may remember what these pages may do"),
  })
  .refine(({ origins, credentials }) => !(credentials && origins.includes("*")), {
    path: ["credentials"],
    error: "cannot be combined with the origin `*`; list the origins",
  });

/** How the server listens, and what it answers to whom. */
export const Http = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("Address to listen on"),
  port: z.int().min(0).max(65_535).default(5000).describe("Port to listen on; 0 picks a free one"),
  idleTimeoutSeconds: z
    .int()
    .min(1)
    .max(255)
    .default(120)
    .describe(
      "Closes a connection after this long without a request; longer than a load balancer in front keeps its connections",
    ),
  transferTimeoutSeconds: z
    .int()
    .min(1)
    .max(255)
    .default(240)
    .describe(
      "Closes a connection whose client neither sends nor takes a byte of a request or answer for this long",
    ),
  drainTimeoutSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(30)
    .describe("How long running requests may continue after SIGTERM"),
  bodyMemoryBytes: z
    .int()
    .min(8 * MEBIBYTE)
    .default(104 * MEBIBYTE)
    .describe(
      "Memory for request bodies that arrive faster than they are stored; requests beyond it get 429",
    ),
  memoryTargetBytes: z
    .int()
    .min(64 * MEBIBYTE)
    .default(192 * MEBIBYTE)
    .describe(
      "Target for resident memory; near it, request bodies get less memory, but at least half of `bodyMemoryBytes`",
    ),
  catalogPageSize: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .describe("Maximum repositories in one page of the catalog"),
  tagPageSize: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100_000)
    .describe("Maximum tags in one page; pages are also limited to 256 KiB"),
  referrersPageSize: z
    .int()
    .min(1)
    .max(10_000)
    .default(10_000)
    .describe("Maximum referrers in one page; pages are also limited to 3 MiB, or one referrer"),
  hosts: z
    .array(z.string().regex(HOST, "is not a host name or address without a port"))
    .optional()
    .describe(
      "Hosts that requests may name in `Host`, besides `localhost` and loopback addresses; `*` allows any. Default `*`, but none if `host` is a loopback address, so that web pages cannot read the registry by giving their own name its address",
    ),
  headers: z
    .record(z.string().regex(HEADER_NAME, "is not a header's name"), HeaderValue)
    .default({})
    .refine((headers) => !Object.keys(headers).some((name) => OWN_HEADERS.test(name)), {
      error: "may not set headers that describe a connection or a body; CORS headers are set by `http.cors`",
    })
    .describe("Headers for all answers that do not have them already, by name; several values become a list"),
  cors: Cors.prefault({}),
});
