/** A request before it is written: what the fuzzer makes, mutates and sends. */
export interface RawRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** How to state the body's length; `lie` states one that differs by this much. */
  readonly framing: "length" | "chunked" | { readonly lie: number };
}

/** The request's bytes, as HTTP/1.1 writes them. */
export function encodeRequest(request: RawRequest): Uint8Array {
  const { method, target, headers, body, framing } = request;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    "Host: localhost",
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  if (framing === "chunked") lines.push("Transfer-Encoding: chunked");
  else if (framing !== "length") lines.push(`Content-Length: ${body.length + framing.lie}`);
  else if (body.length > 0 || method !== "GET") lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat([head, framing === "chunked" ? chunked(body) : body]);
}

function chunked(body: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += 1000) {
    const chunk = body.subarray(at, at + 1000);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}
