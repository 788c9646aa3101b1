import { ENDPOINTS, type Endpoints } from "../../src/http/endpoints.ts";
import { WIRE } from "../../src/http/error-response.ts";
import { ROUTE_PATHS, type RouteKind } from "../../src/http/route.ts";
import { markdownTable } from "./markdown-table.ts";

/** The page of endpoints and errors, made from the tables that the server runs on. */
export function apiPage(): string {
  return `# The API

Made by \`scripts/docs.ts\` from \`src/http/endpoints.ts\`, \`src/http/route.ts\` and \`src/http/error-response.ts\`.
What differs from other registries on purpose, and why, is in [compatibility.md](compatibility.md).

## Endpoints

\`HEAD\` is answered wherever \`GET\` is. "May" is what the access policy is asked for, of the repository that the path names.

${markdownTable(["method", "path", "what it does", "specified in", "may"], endpointRows())}

## Errors

A failure is answered with \`{"errors":[{"code":…,"message":…,"detail":…}]}\`; \`detail\` depends on the failure. A failure of the
server's own is 500 \`UNKNOWN\` without detail. What is no HTTP is refused by the HTTP parser, without a body.

${markdownTable(["what failed", "status", "code"], errorRows())}
`;
}

function endpointRows(): readonly (readonly string[])[] {
  return (Object.keys(ENDPOINTS) as RouteKind[]).flatMap((kind) =>
    Object.entries(ENDPOINTS[kind] as Endpoints).map(([method, { summary, source, action }]) => [
      method,
      `\`${ROUTE_PATHS[kind]}\``,
      summary,
      source,
      action ?? "",
    ]),
  );
}

function errorRows(): readonly (readonly string[])[] {
  return Object.entries(WIRE).map(([fault, { status, code }]) => [
    fault.replaceAll("-", " "),
    String(status),
    `\`${code}\``,
  ]);
}
