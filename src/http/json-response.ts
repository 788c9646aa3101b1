import { COMMON_HEADERS } from "./common-headers.ts";

/** A response of compact JSON in UTF-8. */
export function jsonResponse(
  body: unknown,
  status: number = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...COMMON_HEADERS, "content-type": "application/json", ...headers },
  });
}
