import type { LayerTree } from "./layer-tree.ts";

/** Devices that programs expect, for use without a container runtime. A runtime makes its own. */
const DEVICES: readonly (readonly [name: string, major: number, minor: number])[] = [
  ["full", 1, 7],
  ["null", 1, 3],
  ["random", 1, 8],
  ["tty", 5, 0],
  ["urandom", 1, 9],
  ["zero", 1, 5],
];

/** Adds them below `dev`. */
export async function addDevices(tree: LayerTree, modifiedAt: Date): Promise<void> {
  for (const [name, major, minor] of DEVICES) {
    await tree.add({
      path: `dev/${name}`,
      type: "character-device",
      mode: 0o666,
      userId: 0,
      groupId: 0,
      modifiedAt,
      device: { major, minor },
    });
  }
}
