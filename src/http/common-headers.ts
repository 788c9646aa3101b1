/** What every answer says. Each response is made with them, since adding headers to one afterwards costs more. */
export const COMMON_HEADERS = {
  "docker-distribution-api-version": "registry/2.0",
  "x-content-type-options": "nosniff",
} as const;
