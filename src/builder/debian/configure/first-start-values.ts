import { shellQuoted } from "../../process/shell-quoted.ts";
import type { EmptiedFile, EmptiedLine } from "./normalise/secret-values.ts";

/**
 * Fills in lines that are as they were shipped; others were changed by somebody. If nothing else was changed in a file of
 * ucf's, ucf takes the result for the package's own, as it did when the values were made.
 */
const FILL = `random() { tr -dc "$2" </dev/urandom | head -c "$1"; } # LENGTH ALPHABET
fill() { # FILE MD5 [LINE OLD NEW]...
  file=$1 shipped=$2
  shift 2
  [ -f "$file" ] || return 0
  before=$(md5sum <"$file")
  while [ $# -gt 0 ]; do
    (
      umask 077
      LC_ALL=C LINE=$1 OLD=$2 NEW=$3 awk 'NR == ENVIRON["LINE"] && $0 "" == ENVIRON["OLD"] "" { $0 = ENVIRON["NEW"] } { print }' \
        "$file" >"$file.filled" && cat "$file.filled" >"$file"
    ) || return
    rm -f "$file.filled"
    shift 3
  done
  if [ "\${before%% *}" = "$shipped" ] && grep -qs "^$shipped  " /var/lib/ucf/hashfile; then
    after=$(md5sum <"$file")
    sed -i "s/^$shipped  /\${after%% *}  /" /var/lib/ucf/hashfile
  fi
}`;

/** Lines of a shell script that give each value that was left out a new one, the same in all files. */
export function fillingLines(emptied: readonly EmptiedFile[]): readonly string[] {
  if (emptied.length === 0) return [];
  const values = emptied
    .flatMap(({ lines }) => lines.flatMap(({ parts }) => parts.filter((part) => typeof part !== "string")))
    .map(({ number, length, alphabet }) => `secret_${number}=$(random ${length} ${alphabet})`);
  return [
    FILL,
    ...new Set(values),
    ...emptied.map(({ path, md5, lines }) => {
      const words = lines.map((line) => `  ${lineWords(line)}`);
      return [`fill ${shellQuoted(`/${path}`)} ${md5}`, ...words].join(" \\\n").concat(" || status=1");
    }),
  ];
}

function lineWords({ number, parts }: EmptiedLine): string {
  const texts = parts.filter((part) => typeof part === "string");
  const filled = parts.map((part) =>
    typeof part === "string" ? shellQuoted(part) : `"$secret_${part.number}"`,
  );
  return `${number} ${shellQuoted(texts.join(""))} ${filled.join("")}`;
}
