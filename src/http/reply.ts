import type { Awaitable } from "../concurrency/awaitable.ts";

/** The bytes of an answer; a stream is read as fast as the client takes it. */
export type ReplyBody = Uint8Array | string | Blob | ReadableStream<Uint8Array> | null;

/** A stored file that an answer sends a part of. */
export interface StoredFile {
  readonly digest: string;
  /** Bytes that are sent. The body itself is not asked for them, because that would cost a look at the file. */
  readonly sentBytes: number;
  /** Whether the file still has all of its bytes. */
  isWhole(): Awaitable<boolean>;
}

/** An answer to a request, before the server sends it. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers | Readonly<Record<string, string>>;
  readonly body: ReplyBody;
  /** The file that the body is a slice of. */
  readonly file?: StoredFile | undefined;
}

/** The headers of every reply. Create replies with them, because adding headers later costs more. */
export const COMMON_HEADERS = {
  "Docker-Distribution-Api-Version": "registry/2.0",
  "X-Content-Type-Options": "nosniff",
} as const;

/** A reply without a body. */
export function emptyReply(status: number, headers: Reply["headers"] = COMMON_HEADERS): Reply {
  return { status, headers, body: null };
}

/** A reply of compact JSON in UTF-8. */
export function jsonReply(
  body: unknown,
  status: number = 200,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { ...COMMON_HEADERS, "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}
