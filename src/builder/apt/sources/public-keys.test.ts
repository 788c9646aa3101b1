import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { armorKeys, publicKeysIn } from "./public-keys.ts";

/** A packet in the newer form, or the older one. */
function packet(tag: number, body: Uint8Array, isOld = false): Uint8Array {
  const { length } = body;
  const long = Buffer.alloc(4);
  long.writeUInt32BE(length);
  if (isOld) return Buffer.concat([Buffer.from([0x80 | (tag << 2) | 2]), long, body]);
  const short = length < 192 ? [length] : [((length - 192) >> 8) + 192, (length - 192) & 0xff];
  return Buffer.concat([Buffer.from([0xc0 | tag, ...(length < 8384 ? short : [255, ...long])]), body]);
}

const KEY = packet(6, Buffer.alloc(300, 7));
const USER = packet(13, Buffer.from("Somebody <somebody@registry.invalid>"), true);

describe("public keys", () => {
  it("are the same from a keyring and from its armored text", () => {
    const keys = Buffer.concat([KEY, USER]);
    expect(publicKeysIn(keys)).toEqual(keys);
    const headers = armorKeys(keys).replace("\n\n", "\nVersion: 1\nComment: nothing\n\n");
    const text = headers.replace("\n-----END", "\n=Ab12\n-----END").replaceAll("\n", "\r\n");
    expect(Buffer.from(publicKeysIn(Buffer.from(text)) ?? [])).toEqual(keys);
  });

  it("of several blocks are all taken", () => {
    const text = [KEY, KEY].map(armorKeys).join("\n");
    expect(Buffer.from(publicKeysIn(Buffer.from(text)) ?? [])).toEqual(Buffer.concat([KEY, KEY]));
  });

  it("survive as any packets of any length", () => {
    const body = fc.uint8Array({ maxLength: 20_000, size: "max" });
    fc.assert(
      fc.property(body, fc.array(fc.tuple(body, fc.boolean()), { maxLength: 4 }), (first, others) => {
        const keys = Buffer.concat([packet(6, first), ...others.map(([one, old]) => packet(14, one, old))]);
        expect(Buffer.from(publicKeysIn(Buffer.from(armorKeys(keys))) ?? [])).toEqual(keys);
      }),
    );
  });

  it.each<readonly [string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["text", Buffer.from("machine example.org password secret")],
    ["a secret key", packet(5, Buffer.alloc(20))],
    ["a secret key behind a public one", Buffer.concat([KEY, packet(7, Buffer.alloc(20))])],
    ["a secret key in armor", Buffer.from(armorKeys(KEY).replaceAll("PUBLIC", "PRIVATE"))],
    [
      "a secret key in armor behind a public one",
      Buffer.from(`${armorKeys(KEY)}\n${armorKeys(KEY).replaceAll("PUBLIC", "PRIVATE")}`),
    ],
    ["a secret key in the armor of a public one", Buffer.from(armorKeys(packet(5, Buffer.alloc(20))))],
    ["a key that is cut off", KEY.subarray(0, 200)],
    ["no key at its beginning", USER],
    ["a packet whose length is not known at once", Buffer.from([0xc6, 230, 1, 2])],
    ["a keybox", Buffer.from("\0\0\0\x20\x01\x01\0\x02KBXf")],
  ])("are not in %s", (_, bytes) => {
    expect(publicKeysIn(bytes)).toBeUndefined();
  });
});
