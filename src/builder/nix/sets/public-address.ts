/**
 * An address that is safe to show: without a user name, a password, a query or a fragment. Also accepts text that is
 * not a URL, such as a path or ssh's `user@host:path`.
 */
export function publicAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // `user:password@host:path` parses as a URL with the protocol `user`.
  if (url === undefined || !url.href.includes("://")) return address.replace(/^[^/]*@/, "");
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return url.href;
}
