import { expect, it } from "bun:test";
import { chunks, gather } from "../../test/contracts/content-driver-samples.ts";
import { digestOf } from "../oci/digest.ts";
import { verified } from "./verified.ts";

const expected = { digest: digestOf("content"), size: 7 };

it("passes exactly the content described", async () => {
  for (const parts of [["content"], ["con", "", "tent"]]) {
    expect(new TextDecoder().decode(await gather(verified(chunks(parts), expected)))).toBe("content");
  }
  expect(await gather(verified(chunks([]), { digest: digestOf(""), size: 0 }))).toBeEmpty();
});

it("verifies other algorithms than the canonical one", async () => {
  const described = { digest: digestOf("content", "sha512"), size: 7 };
  expect(await gather(verified(chunks(["content"]), described))).toHaveLength(7);
});

it.each([
  ["content that ends early", ["conten"], "size-mismatch"],
  ["content that goes on", ["content", "!"], "size-mismatch"],
  ["other content of that size", ["CONTENT"], "digest-mismatch"],
])("fails %s", async (_what, parts, fault) => {
  await expect(gather(verified(chunks(parts), expected))).rejects.toMatchObject({ fault });
});

it("yields no byte beyond the size, and rethrows the source's own error", async () => {
  let yielded = 0;
  const reading = (async () => {
    for await (const chunk of verified(chunks(["con", "tents and more"]), expected))
      yielded += chunk.byteLength;
  })();
  await expect(reading).rejects.toMatchObject({ fault: "size-mismatch" });
  expect(yielded).toBe(3);
  const failure = new Error("broken");
  await expect(gather(verified(chunks(["con"], failure), expected))).rejects.toBe(failure);
});
