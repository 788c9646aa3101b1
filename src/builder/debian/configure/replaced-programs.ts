import type { StageFile } from "../../sandbox/sandbox.ts";
import { epochSeconds } from "./normalise/rewrite.ts";

/** A program that maintainer scripts start, and what runs instead. */
interface Replacement {
  /** Path of the program, without a leading slash. */
  readonly program: string;
  /** Where the script lies that runs instead: at the program's path, or in a folder that comes earlier in `PATH`. */
  readonly path: string;
  readonly script: (createdAt: Date) => string;
}

/** What it makes is not shipped and takes long: the first start makes it. */
const inVain = (program: string): Replacement => ({ program, path: `/${program}`, script: () => "exit 0" });

const REPLACEMENTS: readonly Replacement[] = [
  inVain("usr/bin/pg_createcluster"),
  inVain("usr/bin/mariadb-install-db"),
  {
    // TeX writes the time into its formats. For all scripts, these variables would change how Python compiles.
    program: "usr/bin/fmtutil",
    path: "/usr/sbin/fmtutil",
    script: (createdAt) =>
      `exec env SOURCE_DATE_EPOCH=${epochSeconds(createdAt)} FORCE_SOURCE_DATE=1 /usr/bin/fmtutil "$@"`,
  },
];

/** Paths of all programs that {@link replacedPrograms} replaces, without a leading slash. */
export const REPLACED_PROGRAMS: readonly string[] = REPLACEMENTS.map(({ program }) => program);

/**
 * Files of a stage that run in place of programs.
 *
 * @param programs paths of the tree's programs, without a leading slash
 * @param createdAt the image's time
 */
export function replacedPrograms(programs: ReadonlySet<string>, createdAt: Date): readonly StageFile[] {
  return REPLACEMENTS.filter(({ program }) => programs.has(program)).map(({ path, script }) => ({
    path,
    bytes: Buffer.from(`#!/bin/sh\n${script(createdAt)}\n`),
    mode: 0o755,
  }));
}
