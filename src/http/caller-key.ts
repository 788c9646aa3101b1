import { isIPv6 } from "node:net";
import { ANONYMOUS, type Caller } from "../registry/access-policy.ts";

/**
 * A key that tells callers apart, so that they share work fairly: the caller's name, or the address of an anonymous
 * caller.
 *
 * Only the first 64 bits of an IPv6 address count, because one client usually has all addresses that begin with them.
 * Anonymous callers behind the same proxy have the same key.
 */
export function callerKey(caller: Caller, address: string | undefined): string {
  return caller === ANONYMOUS ? `address ${networkOf(address ?? "unknown")}` : `name ${caller.name}`;
}

function networkOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:[\d.]+$/i.test(address)) return address.replace(/^::ffff:/i, "");
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => "0"), ...groups(tail ?? "")];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}
