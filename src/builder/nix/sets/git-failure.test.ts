import { describe, expect, it } from "bun:test";
import { gitReason } from "./git-failure.ts";

const URL = "https://user:secret@example.org/set.git";

describe("why git failed", () => {
  it.each([
    [
      "fatal: unable to access 'https://example.org/set.git/': Could not resolve host: example.org\n",
      "fatal: unable to access 'https://example.org/set.git/': Could not resolve host: example.org",
    ],
    [
      "fatal: no access to https://user:secret@example.org/set.git/info",
      "fatal: no access to https://example.org/set.git/info",
    ],
    [
      "fatal: Authentication failed for 'https://other:hidden@example.org/'",
      "fatal: Authentication failed for 'https://example.org/'",
    ],
    ["fatal: '/srv/private/set.git' is not a repository", "fatal: '…/set.git' is not a repository"],
    [
      "warning: x\nremote: \u001b[31mno\u001b[0m\r\nfatal: refused\n\nPlease make sure you",
      "remote: no; fatal: refused",
    ],
    ["", "git failed"],
  ])("%j is told as %j", (stderr, reason) => {
    expect(gitReason(stderr, URL)).toBe(reason);
  });

  it("is told in few words", () => {
    expect(gitReason("x".repeat(100_000), URL).length).toBeLessThanOrEqual(500);
  });
});
