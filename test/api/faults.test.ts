import { expect, it } from "bun:test";
import { installed } from "../support/command.ts";
import { canTrace } from "../support/crashes/disk-calls.ts";
import { nameOf, parseFault, runWithFault } from "../support/crashes/fault-run.ts";
import { describeWith } from "../support/requirements.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Time limit of a test, in milliseconds; only a safety net. */
const LONG_MS = 180_000;

/** Places in the life of a push; `npm run soak -- faults` tries many more. */
const FAULTS = [
  ...["pwrite64:KILL:9", "pwrite64:KILL:31", "fsync,fdatasync:KILL:3", "fsync,fdatasync:KILL:8"],
  ...["rename:KILL:2", "mkdir:KILL:9", "unlink,unlinkat,rmdir:KILL:2", "ftruncate:KILL:3"],
  ...["pwrite64:ENOSPC:12", "pwrite64:ENOSPC:40", "pwrite64:ENOSPC:75", "mkdir:ENOSPC:8", "rename:ENOSPC:2"],
  ...["pwrite64:EIO:12", "pwrite64:EIO:40", "fsync:EIO:9", "fdatasync:EIO:3", "fdatasync:EIO:6"],
  ...["rename:EIO:1", "unlink,unlinkat,rmdir:EIO:3"],
].map(parseFault);

/** Places in the life of a build. */
const BUILD_FAULTS = ["pwrite64:KILL:60", "fsync,fdatasync:KILL:20", "pwrite64:ENOSPC:30"].map(parseFault);
const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");

describeWith("a server that is killed, or whose disk fails", await canTrace(), "strace cannot trace", () => {
  it.each(FAULTS.map((fault) => [nameOf(fault), fault] as const))(
    "loses nothing that it acknowledged, and the next one works: %s",
    async (_, fault) => {
      await using folder = await temporaryFolder("fault");
      const { problems } = await runWithFault(folder.path, fault, { seed: 7, steps: 8, builds: false });
      expect(problems).toEqual([]);
    },
    LONG_MS,
  );

  describeWith("while images are built", HAS_APT, "no apt", () => {
    it.each(BUILD_FAULTS.map((fault) => [nameOf(fault), fault] as const))(
      "loses nothing either: %s",
      async (_, fault) => {
        await using folder = await temporaryFolder("fault");
        const { problems, pulled } = await runWithFault(folder.path, fault, {
          seed: 7,
          steps: 8,
          builds: true,
        });
        expect(problems).toEqual([]);
        expect(pulled).toBeGreaterThan(0);
      },
      LONG_MS,
    );
  });
});
