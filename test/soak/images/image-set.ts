/** Packages whose image is put to work, beside a tree that mmdebstrap made of the same packages. */
export interface ImageSet {
  readonly packages: readonly string[];
  /** For a POSIX shell as root in the tree; must print the same in both. Has the functions of {@link FUNCTIONS}. */
  readonly script: string;
  /** What it prints. */
  readonly prints: RegExp;
}

/** Functions for the scripts. */
export const FUNCTIONS = `
# Runs a command until it succeeds.
until_works() { for attempt in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done; echo "failed: $*"; }
# Gets a page from a port of this machine.
get() { perl -MIO::Socket -e '$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or exit 1;
  print $s "GET $ARGV[1] HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n"; print while <$s>' "$1" "\${2:-/}"; }
# Makes what an image must not ship; mmdebstrap's tree has it.
first_start() { if [ -x /usr/sbin/slipway-first-start ]; then slipway-first-start >/dev/null 2>&1; fi; }
`;

/** A set: the packages' names in one string, its script, and what that prints. */
export function imageSet(packages: string, script: string, prints: RegExp): ImageSet {
  return { packages: packages.split(" "), script, prints };
}
