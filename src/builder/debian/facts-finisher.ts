import type { ImageFinisher } from "./image-finisher.ts";
import { createTopLayer } from "./top-layer.ts";

/** Runs nothing of the packages: derives accounts, links and caches from what was read while their layers were made. */
export const factsFinisher: ImageFinisher = {
  finish: (platform, closure) => ({
    mode: "unpacked",
    formatVersion: 2,
    layers: [
      {
        above: "all",
        inputs: ["top", platform.architecture, ...closure.map(({ sha256 }) => sha256).toSorted()],
        description: "accounts, certificates, links, loader cache, package status",
        make: (below) =>
          createTopLayer(
            platform,
            below.map(({ facts }) => facts),
          ),
      },
    ],
  }),
};
