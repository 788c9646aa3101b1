import { describe, expect, it } from "bun:test";
import { ANONYMOUS } from "../registry/access-policy.ts";
import { callerKey } from "./caller-key.ts";

describe("the key of a caller", () => {
  it("is the name of a logged-in user", () => {
    expect(callerKey({ name: "ann" }, "192.0.2.1")).toBe("name ann");
  });

  it.each([
    ["192.0.2.1", "address 192.0.2.1"],
    ["::ffff:192.0.2.1", "address 192.0.2.1"],
    ["2001:db8:a:b:c:d:e:f", "address 2001:db8:a:b::/64"],
    ["2001:0DB8::1", "address 2001:db8:0:0::/64"],
    ["2001:db8:1::", "address 2001:db8:1:0::/64"],
    ["::1", "address 0:0:0:0::/64"],
    ["fe80::1%eth0", "address fe80:0:0:0::/64"],
    [undefined, "address unknown"],
  ])("is the network of an anonymous one: %p", (address, key) => {
    expect(callerKey(ANONYMOUS, address)).toBe(key);
  });
});
