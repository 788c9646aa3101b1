import { isTree } from "./tree.ts";

/** The setting that takes the values of each CORS header. */
const CORS_SETTINGS: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "http.cors.origins",
  "access-control-allow-methods": "http.cors.methods",
  "access-control-allow-headers": "http.cors.requestHeaders",
  "access-control-expose-headers": "http.cors.exposedHeaders",
  "access-control-max-age": "http.cors.maxAgeSeconds",
  "access-control-allow-credentials": "http.cors.credentials",
};

/**
 * Slipway's settings for `http.headers` of a Distribution configuration. Distribution sends these headers with every
 * answer, also CORS headers, whose values may be lists in one text.
 */
export function headerSettings(value: unknown): Readonly<Record<string, unknown>> {
  if (!isTree(value)) throw new Error("is not a mapping");
  const settings: Record<string, unknown> = {};
  const others: Record<string, readonly string[]> = {};
  for (const [name, content] of Object.entries(value)) {
    const values = [content].flat().map(String);
    const setting = CORS_SETTINGS[name.toLowerCase()];
    if (setting === undefined) others[name] = values;
    else settings[setting] = corsValue(setting, values);
  }
  if (allowsAny(settings)) delete settings["http.cors.credentials"];
  return { ...settings, "http.headers": others };
}

/** Browsers send no credentials where any origin may come, whatever the headers say. */
export function headerWarning(value: unknown): string | undefined {
  const names = Object.keys(value as object).map((name) => name.toLowerCase());
  return allowsAny(headerSettings(value)) && names.includes("access-control-allow-credentials")
    ? "browsers ignore Access-Control-Allow-Credentials with the origin *"
    : undefined;
}

function allowsAny(settings: Readonly<Record<string, unknown>>): boolean {
  return (settings["http.cors.origins"] as readonly string[] | undefined)?.includes("*") === true;
}

function corsValue(setting: string, values: readonly string[]): unknown {
  if (setting === "http.cors.maxAgeSeconds") return Number(values[0]);
  if (setting === "http.cors.credentials") return values.includes("true");
  return values.flatMap((text) => text.split(",")).map((text) => text.trim());
}
