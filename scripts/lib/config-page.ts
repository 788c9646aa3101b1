import { z } from "zod";
import { SETTINGS, type Setting } from "../../src/config/settings.ts";
import { markdownTable } from "./markdown-table.ts";

/** The page of settings, made from the schema. */
export function configPage(): string {
  const sections = Map.groupBy(SETTINGS, ({ path }) => (path.length > 1 ? (path[0] as string) : ""));
  const parts = [...sections].map(([section, settings]) => {
    const heading = section === "" ? "" : `## ${section}\n\n`;
    return `${heading}${markdownTable(["setting", "variable", "default", "description"], settings.map(row))}`;
  });
  return `# Configuration

Made by \`scripts/docs.ts\` from \`src/config/schema.ts\`.

Settings come from one YAML file (\`--config FILE\`, or the one that \`SLIPWAY_CONFIG\` names), where a dot is a level, and from
environment variables, which win. A variable's value is text, or YAML where text will not do. A setting that is unknown or out of its bounds stops
the start, which lists every problem with its path.

${parts.join("\n\n")}
`;
}

function row({ path, variable, description, only, schema }: Setting): readonly string[] {
  const condition = only === undefined || schema instanceof z.ZodLiteral ? "" : ` (with \`${only}\`)`;
  return [`\`${path.join(".")}\``, `\`${variable}\``, defaultOf(schema), `${description}${condition}`];
}

function defaultOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodLiteral) return `\`${schema.value}\` chooses this`;
  if (schema instanceof z.ZodDefault) return `\`${JSON.stringify(schema.def.defaultValue)}\``;
  return schema instanceof z.ZodOptional ? "" : "required";
}
