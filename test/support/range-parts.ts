/** One range of a 206 answer: its `Content-Range` header and its bytes in hex. */
export interface RangePart {
  readonly range: string | null;
  readonly bytes: string;
}

/**
 * The ranges of a 206 answer: one with its header, or several as parts (RFC 9110, section 14.6).
 *
 * @throws {Error} if the last part has no closing delimiter
 */
export function rangeParts(headers: Headers, body: Buffer): readonly RangePart[] {
  const boundary = /boundary=(.+)$/.exec(headers.get("content-type") ?? "")?.[1];
  if (boundary === undefined) return [{ range: headers.get("content-range"), bytes: body.toString("hex") }];
  const parts = body.toString("latin1").split(`\r\n--${boundary}`);
  if (parts.at(-1) !== "--\r\n") throw new Error("the answer has no closing delimiter");
  return parts.slice(1, -1).map((part) => ({
    range: /Content-Range: (.*)\r\n/.exec(part)?.[1] ?? null,
    bytes: Buffer.from(part.slice(part.indexOf("\r\n\r\n") + 4), "latin1").toString("hex"),
  }));
}
