const CAPABILITY = "security.capability";
const PLAIN_BYTES = 20;
const NAMESPACED_BYTES = 24;
const PLAIN_REVISION = 2;
const NAMESPACED_REVISION = 3;

/**
 * The value to ship of a file's extended attribute; `drop` for all but file capabilities.
 *
 * A user namespace stores capabilities with the number of its root user; without it, they hold for any root user
 * (capabilities(7), "File capability versioning").
 */
export function normalisedAttribute(name: string, value: Uint8Array): Uint8Array | "drop" {
  if (name !== CAPABILITY) return "drop";
  const revision = value[3];
  if (revision === PLAIN_REVISION && value.length === PLAIN_BYTES) return value;
  if (revision !== NAMESPACED_REVISION || value.length !== NAMESPACED_BYTES) return "drop";
  const plain = value.slice(0, PLAIN_BYTES);
  plain[3] = PLAIN_REVISION;
  return plain;
}
