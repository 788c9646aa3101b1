import { z } from "zod";
import { ConfigSchema } from "./schema.ts";

/** One thing that can be set: where it stands in the file, and its variable. */
export interface Setting {
  /** Keys from the top, such as `["http", "port"]`. */
  readonly path: readonly string[];
  /** Such as `SLIPWAY_HTTP_PORT`. */
  readonly variable: string;
  readonly description: string;
  /** Of a member of several, which one: `driver: filesystem`. */
  readonly only: string | undefined;
  readonly schema: z.ZodType;
}

/** Every setting of the schema, in its order. The one place that makes variables' names. */
export const SETTINGS: readonly Setting[] = collect(ConfigSchema, [], undefined);

function collect(schema: z.ZodType, path: readonly string[], only: string | undefined): readonly Setting[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.ZodType>>;
    return Object.entries(shape).flatMap(([key, value]) => collect(value, [...path, key], only));
  }
  if (inner instanceof z.ZodDiscriminatedUnion) {
    const key = inner.def.discriminator;
    return inner.options.flatMap((option) => {
      const shape = (option as z.ZodObject).shape as Readonly<Record<string, z.ZodType>>;
      const literal = shape[key] as z.ZodLiteral;
      return collect(option as z.ZodType, path, `${key}: ${String(literal.value)}`);
    });
  }
  return [{ path, variable: variableOf(path), description: schema.description ?? "", only, schema }];
}

/** The schema without its default or optional wrapping. */
function unwrap(schema: z.ZodType): z.ZodType {
  const wrapped =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional;
  return wrapped ? unwrap(schema.unwrap() as z.ZodType) : schema;
}

function variableOf(path: readonly string[]): string {
  const words = path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`));
  return `SLIPWAY_${words.join("_")}`.toUpperCase();
}
