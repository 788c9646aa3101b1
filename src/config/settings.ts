import { z } from "zod";
import { ConfigSchema } from "./schema.ts";

/** One setting: its place in the file, and its variable. */
export interface Setting {
  /** Keys from the top, such as `["http", "port"]`. */
  readonly path: readonly string[];
  /** Such as `SLIPWAY_HTTP_PORT`. */
  readonly variable: string;
  readonly description: string;
  /** The choice to which the setting applies, such as `driver: filesystem`. */
  readonly only: string | undefined;
  readonly schema: z.ZodType;
}

/** All settings, in the order of the schema. Names of variables are built only here. */
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
      const literal = unwrap(shape[key] as z.ZodType) as z.ZodLiteral;
      return collect(option as z.ZodType, path, `${key}: ${String(literal.value)}`);
    });
  }
  return [{ path, variable: variableOf(path), description: schema.description ?? "", only, schema }];
}

/** The schema without its default and optional wrappers. */
function unwrap(schema: z.ZodType): z.ZodType {
  const wrapped =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional;
  return wrapped ? unwrap(schema.unwrap() as z.ZodType) : schema;
}

function variableOf(path: readonly string[]): string {
  const words = path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`));
  return `SLIPWAY_${words.join("_")}`.toUpperCase();
}
