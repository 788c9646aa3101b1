import type { Samples } from "../samples.ts";
import { installSeconds, MMDEBSTRAP } from "./mmdebstrap.ts";
import type { PackageRepository } from "./package-repository.ts";
import { FreshServer, SLIPWAY } from "./slipway.ts";

/** The images that are compared. The first one is on the server already when the later images are built. */
export const IMAGES = ["curl/git", "python3", "apache2", "postgresql"] as const;
const [BEGINNING, ...LATER] = IMAGES;

/** Images with one package more than {@link IMAGES}'s first. */
export const ADDITIONS = {
  cached: { image: "curl/git/jq", before: "jq" },
  fresh: { image: "curl/git/tree", before: undefined },
} as const;

/** All images whose packages a repository needs. */
export const ALL_IMAGES = [
  ...IMAGES,
  ...Object.values(ADDITIONS).flatMap(({ image, before }) =>
    before === undefined ? [image] : [before, image],
  ),
];

/** The name of a measure: the first image of a server, or one that is built later. */
export function measureOf(kind: "first" | "later", image: string): string {
  return `${kind} ${image}`;
}

/** Something to measure once in each round; adds its figures, in seconds. */
export interface Measurement {
  readonly name: string;
  run(samples: Samples): Promise<void>;
}

/**
 * What is measured in a round. What it makes stays in `folder` until all rounds are over: ext4 without a journal uses no
 * inode again for minutes after its file was removed, and a new file takes long while it searches for another one.
 */
export function measurements(repository: PackageRepository, folder: string): readonly Measurement[] {
  const start = () => FreshServer.start(folder, repository.sourcesFile);
  const installs = IMAGES.map((image) => ({
    name: `${MMDEBSTRAP} ${image}`,
    run: async (samples: Samples) => {
      const seconds = await installSeconds(repository, image, folder);
      for (const kind of ["first", "later"] as const)
        samples.add(measureOf(kind, image), MMDEBSTRAP, seconds);
    },
  }));
  const firsts = LATER.map((image) => ({
    name: `first ${image}`,
    run: async (samples: Samples) => {
      await using server = await start();
      samples.add(measureOf("first", image), SLIPWAY, await server.build(image));
    },
  }));
  const server = {
    name: `first ${BEGINNING}, and all later ones`,
    run: async (samples: Samples) => await measureServer(await start(), samples),
  };
  return [server, ...installs.flatMap((install, index) => [install, ...firsts.slice(index, index + 1)])];
}

async function measureServer(server: FreshServer, samples: Samples): Promise<void> {
  await using _server = server;
  samples.add(measureOf("first", BEGINNING), SLIPWAY, await server.build(BEGINNING));
  for (const { image, before } of Object.values(ADDITIONS)) {
    if (before !== undefined) await server.build(before);
    samples.add(measureOf("later", image), SLIPWAY, await server.build(image));
  }
  for (const image of LATER) samples.add(measureOf("later", image), SLIPWAY, await server.build(image));
}
