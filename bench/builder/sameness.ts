import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { mustRun, run } from "../../test/support/command.ts";
import type { Contender } from "./contender.ts";
import { IMAGE } from "./measures.ts";

const PROGRAMS = ["bash", "ls", "nano", "git", "curl", "jq"];

/** Each program's answer to `--version`, by program. */
export type Versions = ReadonlyMap<string, string>;

/** Pulls the image with skopeo, unpacks it, and runs its programs in it. Needs root. */
export async function programVersions(contender: Contender, folder: string): Promise<Versions> {
  await mkdir(folder);
  const image = join(folder, "image");
  await using running = await contender.start("packages");
  await mustRun(["skopeo", "copy", "--src-tls-verify=false", running.skopeoSource(IMAGE), `oci:${image}:x`]);
  await mustRun(["umoci", "unpack", "--rootless", "--image", `${image}:x`, join(folder, "bundle")]);
  const root = join(folder, "bundle/rootfs");
  // Every container has /dev, and Git does not start without it.
  await mustRun(["mkdir", "-p", join(root, "dev")]);
  await mustRun(["cp", "--archive", "/dev/null", join(root, "dev")]);
  const versions = new Map<string, string>();
  for (const program of PROGRAMS) {
    const { exitCode, stdout, stderr } = await run(["chroot", root, `/bin/${program}`, "--version"]);
    versions.set(program, exitCode === 0 ? stdout : `ended with ${exitCode}: ${stderr}`);
  }
  return versions;
}

/** Lines that say which programs answer the same in both images. */
export function compareVersions(own: Versions, other: Versions): readonly string[] {
  return PROGRAMS.map((program) => {
    const [mine = "", theirs = ""] = [own.get(program), other.get(program)];
    const isSame = mine === theirs && !mine.startsWith("ended");
    const first = (text: string) => text.split("\n")[0];
    return `${program}: ${isSame ? `the same, \`${first(mine)}\`` : `**differ**: \`${first(mine)}\` and \`${first(theirs)}\``}`;
  });
}
