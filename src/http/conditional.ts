/** Whether an `If-None-Match` header holds this entity tag, `*`, or its bare text (RFC 9110, section 13.1.2). */
export function matchesEtag(header: string | null, opaque: string): boolean {
  if (header === null) return false;
  return header.split(",").some((part) => {
    const candidate = part.trim().replace(/^W\//, "");
    return candidate === `"${opaque}"` || candidate === opaque || candidate === "*";
  });
}
