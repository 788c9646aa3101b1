import type { StageFile } from "../../sandbox/sandbox.ts";
import { epochSeconds } from "./normalise/rewrite.ts";

/** Programs here come before the tree's own. The folder is in memory, and gone when the stage ends. */
export const FIRST_IN_PATH = "/run/slipway";

/** A program that maintainer scripts start, and what runs instead. */
interface Replacement {
  /** Path of the program, without a leading slash. */
  readonly program: string;
  /** Where the script lies that runs instead: at the program's path, or in {@link FIRST_IN_PATH} if it starts the program. */
  readonly path: string;
  readonly script: (createdAt: Date) => string;
}

/** What it makes is not shipped and takes long: the first start makes it. */
const inVain = (program: string): Replacement => ({ program, path: `/${program}`, script: () => "exit 0" });

const REPLACEMENTS: readonly Replacement[] = [
  inVain("usr/bin/pg_createcluster"),
  inVain("usr/bin/mariadb-install-db"),
  {
    // Keys of a machine are not shipped. An RSA key takes a second.
    program: "usr/bin/ssh-keygen",
    path: `${FIRST_IN_PATH}/ssh-keygen`,
    script: () => `case " $*" in *" /etc/ssh/ssh_host_"*) ;; *) exec /usr/bin/ssh-keygen "$@" ;; esac`,
  },
  {
    // The certificate of a machine, which is not shipped either: with this key, it takes a moment.
    program: "usr/bin/openssl",
    path: `${FIRST_IN_PATH}/openssl`,
    script: () =>
      'case " $* " in *" -keyout /etc/ssl/private/ssl-cert-snakeoil.key "*)\n' +
      '  set -- "$@" -newkey ec -pkeyopt ec_paramgen_curve:P-256 ;;\n' +
      'esac\nexec /usr/bin/openssl "$@"',
  },
  {
    // TeX writes the time into its formats. For all scripts, these variables would change how Python compiles.
    program: "usr/bin/fmtutil",
    path: `${FIRST_IN_PATH}/fmtutil`,
    script: (createdAt) =>
      `exec env SOURCE_DATE_EPOCH=${epochSeconds(createdAt)} FORCE_SOURCE_DATE=1 /usr/bin/fmtutil "$@"`,
  },
];

/** Paths of the programs that {@link replacedInAddition} replaces where they are, without a leading slash. */
export const REPLACED_PROGRAMS: readonly string[] = REPLACEMENTS.map(({ program }) => program);

/**
 * Says that the tree is in a chroot, as the reference's tree is. The program itself would deny it, because the first process
 * of the sandbox has the same root folder; libc6 then tells the system's init to start again, and waits a second for it.
 */
const CHROOT: StageFile = stageScript("/usr/bin/ischroot", "exit 0");

/**
 * ca-certificates makes its store twice: first without hooks, then, in a trigger that always follows, with hooks. The second
 * time is enough, as no other package of the base uses the store.
 */
const CERTIFICATES: StageFile = stageScript(
  `${FIRST_IN_PATH}/update-ca-certificates`,
  `[ "$*" = "--hooksdir " ] || exec /usr/sbin/update-ca-certificates "$@"`,
);

/** Files that run in place of programs while the base is configured. */
export function replacedInBase(): readonly StageFile[] {
  return [CHROOT, CERTIFICATES];
}

/**
 * Files that run in place of programs while the packages above the base are configured.
 *
 * @param programs paths of the tree's programs, without a leading slash
 * @param createdAt the image's time
 */
export function replacedInAddition(programs: ReadonlySet<string>, createdAt: Date): readonly StageFile[] {
  const replaced = REPLACEMENTS.filter(({ program }) => programs.has(program));
  return [CHROOT, ...replaced.map(({ path, script }) => stageScript(path, script(createdAt)))];
}

function stageScript(path: string, script: string): StageFile {
  return { path, bytes: Buffer.from(`#!/bin/sh\n${script}\n`), mode: 0o755 };
}
