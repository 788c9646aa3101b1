import { expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { MMDEBSTRAP_DIFFERENCES } from "../../../src/builder/debian/configure/mmdebstrap-differences.ts";
import { buildImageTree, packagesOf } from "../../reference/image-tree.ts";
import { makeReferenceTree } from "../../reference/mmdebstrap-tree.ts";
import { runInTree } from "../../reference/run-in-tree.ts";
import { compareTrees, formatDifference } from "../../reference/tree-differences.ts";
import { listTree } from "../../reference/tree-listing.ts";
import { installed, mustRun } from "../../support/command.ts";
import { describeWith } from "../../support/requirements.ts";
import { sandboxProblem } from "../../support/sandbox-tree.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const CAN_COMPARE = process.getuid?.() === 0 && installed("apt-get", "mmdebstrap", "umoci", "tar", "ip");
const PROBLEM = await sandboxProblem();
/** A server with modules that its scripts choose, alternatives and accounts. */
const PACKAGES = ["apache2"];
const SCRIPT = `dpkg --audit; ls /etc/apache2/mods-enabled; apache2ctl -t 2>&1 | tail -1; sort /etc/passwd /etc/group
ls /etc/alternatives`;

setDefaultTimeout(900_000);

describeWith(
  "an image, beside mmdebstrap's tree of the same packages",
  CAN_COMPARE,
  "no mmdebstrap or umoci, or not root",
  () => {
    it("has the same files but for known differences, and works in the same way", async () => {
      expect(PROBLEM).toBeUndefined();
      await using folder = await temporaryFolder("reference");
      const [data, own, reference] = ["data", "image", "reference"].map((name) => join(folder.path, name));
      try {
        const { path: image } = await buildImageTree(PACKAGES, {
          data: data as string,
          folder: own as string,
        });
        const packages = await packagesOf(image);
        await makeReferenceTree(packages, reference as string);
        expect(await packagesOf(reference as string)).toEqual(packages);
        const trees = [await listTree(image), await listTree(reference as string)] as const;
        const differences = compareTrees(...trees, MMDEBSTRAP_DIFFERENCES);
        expect(differences.filter(({ reason }) => reason === undefined).map(formatDifference)).toEqual([]);
        const work = (tree: string) => runInTree({ tree, script: SCRIPT });
        expect(await work(image)).toEqual(await work(reference as string));
      } finally {
        // Unpacked layers belong to ids that nobody has.
        await mustRun(["rm", "-rf", data as string]);
      }
    });
  },
);
