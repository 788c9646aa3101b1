import type { Pattern } from "./pattern.ts";
import { DockerList } from "./patterns/docker-list.ts";
import { LargeFallbackTag, ManyFallbackEntries } from "./patterns/fallback-referrers.ts";
import { IdleConnections } from "./patterns/idle-connections.ts";
import { LargeReferrers } from "./patterns/large-referrers.ts";
import { ManyReferences } from "./patterns/many-references.ts";
import { ManyUploads } from "./patterns/many-uploads.ts";
import { MissingNames } from "./patterns/missing-names.ts";
import { ManyRanges, SlowRanges } from "./patterns/ranges.ts";
import { SinglePosts } from "./patterns/single-posts.ts";
import { SlowBlobs, SlowManifests, UnreadPipelines } from "./patterns/slow-readers.ts";
import { DrippingManifests, HangingPatches } from "./patterns/slow-writers.ts";

/** Every pattern of the soak test. */
export function allPatterns(): readonly Pattern[] {
  return [
    new LargeFallbackTag(),
    new ManyFallbackEntries(),
    new ManyRanges(),
    new DockerList(),
    new LargeReferrers(),
    new SinglePosts(),
    new ManyUploads(),
    new SlowRanges(),
    new SlowManifests(),
    new SlowBlobs(),
    new UnreadPipelines(),
    new HangingPatches(),
    new DrippingManifests(),
    new ManyReferences(),
    new IdleConnections(),
    new MissingNames(),
  ];
}
