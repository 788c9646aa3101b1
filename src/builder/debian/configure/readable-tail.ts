const MAX_LINES = 20;
const MAX_BYTES = 4096;
/** More than this before the end cannot reach the result, unless it is nearly all control characters. */
const READ_LENGTH = 1 << 16;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const TERMINAL_SEQUENCE = /\x1b\[[0-9;?]{0,32}[ -/]{0,4}[@-~]/g;
// Control characters but line breaks, and characters that change the direction of text.
const UNREADABLE = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The end of a program's output: at most 20 lines and 4 KiB in UTF-8, without control characters. */
export function readableTail(output: string): string {
  const text = output
    .slice(-READ_LENGTH)
    .replace(/\r\n?/g, "\n")
    .replaceAll("\t", " ")
    .replace(TERMINAL_SEQUENCE, "")
    .replace(UNREADABLE, "")
    .toWellFormed();
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  const bytes = Buffer.from(lines.slice(-MAX_LINES).join("\n"));
  let start = Math.max(0, bytes.length - MAX_BYTES);
  // Not in the middle of a character.
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.toString("utf8", start);
}
