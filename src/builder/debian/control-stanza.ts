/** Fields of a control stanza, by name in lower case; continuation lines keep their line breaks. */
export type ControlStanza = ReadonlyMap<string, string>;

/** The stanzas of a control file, in order (deb822(5)); skips lines that are not fields. */
export function parseStanzas(text: string): readonly ControlStanza[] {
  return text
    .split(/\n[ \t]*\n/)
    .map(parseStanza)
    .filter((stanza) => stanza.size > 0);
}

function parseStanza(text: string): ControlStanza {
  const fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of text.split("\n")) {
    if (/^[ \t]/.test(line)) {
      if (current !== undefined) fields.set(current, `${fields.get(current)}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0 || line.startsWith("#")) continue;
    current = line.slice(0, colon).trim().toLowerCase();
    fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}
