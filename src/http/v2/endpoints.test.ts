import { expect, it } from "bun:test";
import { join } from "node:path";
import { ENDPOINTS } from "./endpoints.ts";
import { ROUTE_PATHS, type RouteKind } from "./route.ts";

const BOUNDS = join(import.meta.dir, "../../../docs/adr/0012-what-clients-decide-is-bounded.md");

it("names in ADR 12 what bounds the answer of every endpoint, and of no other", async () => {
  const endpoints = (Object.keys(ENDPOINTS) as RouteKind[]).flatMap((kind) =>
    Object.keys(ENDPOINTS[kind]).map((method) => `${method} ${ROUTE_PATHS[kind]}`),
  );
  const rows = [...(await Bun.file(BOUNDS).text()).matchAll(/^\| ([A-Z]+) `([^`]+)` \| \S.* \| \S.* \|$/gm)];
  expect(rows.map(([, method, path]) => `${method} ${path}`).toSorted()).toEqual(endpoints.toSorted());
});
