/** The headers of every response. Create responses with them, because adding headers later costs more. */
export const COMMON_HEADERS = {
  "docker-distribution-api-version": "registry/2.0",
  "x-content-type-options": "nosniff",
} as const;
