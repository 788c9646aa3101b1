// Debian policy 5.6.1: lower case letters, digits, plus, minus and periods, at least two, the first a letter or digit.
const NAME = /^[a-z0-9][a-z0-9+.-]+$/;
const MAX_LENGTH = 128;

/**
 * Whether `text` is a Debian package name (Debian policy 5.6.1), and so neither an option nor an expression for apt.
 *
 * Refuses a trailing `-` although the policy allows it: to apt, `curl-` means "remove curl".
 */
export function isDebianPackageName(text: string): boolean {
  return text.length <= MAX_LENGTH && NAME.test(text) && !text.endsWith("-");
}
