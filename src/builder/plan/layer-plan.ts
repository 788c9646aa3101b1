import type { Digest } from "../../oci/digest.ts";
import type { Popularity } from "./popularity.ts";

/** A part of an image, such as a Debian package or a Nix store path, as planners see it. */
export interface PlanPart {
  /** Unique among the parts of one plan. A planner orders parts by it. */
  readonly id: string;
  /** The part's name without its version, so an update does not change it. */
  readonly bucket: string;
  readonly sizeBytes: number;
  /** Whether it is in every image of its source. */
  readonly base: boolean;
  /** Ids of the parts that it refers to. Ids that are not in the plan are ignored. */
  readonly references?: readonly string[];
  /** Whether the image's name names this part. The other parts are there because something refers to them. */
  readonly requested?: boolean;
}

/** The parts of each layer. No group is empty, and the parts of a group are in ascending order of id. */
export type PartGroups<Part> = readonly (readonly Part[])[];

/**
 * A way to group the parts of an image into layers.
 *
 * It is pure: the same parts, in any order, give the same groups in the same order. Each part is in exactly one group.
 */
export interface LayerPlan {
  /** Its name in settings and locks. */
  readonly kind: string;
  /** Changes whenever the same parts could be grouped differently. */
  readonly formatVersion: number;
  /** Digest of the popularity data that the plan uses; absent if it depends only on the parts. */
  readonly popularityDigest?: Digest | undefined;
  /** This plan with the popularity data of the parts' own source; absent if the plan does not use such data. */
  readonly withPopularity?: (popularity: Popularity) => LayerPlan;

  /** Groups the parts into at most `budget` groups, lowest layer first; `budget` is a whole number of at least 1. */
  plan<Part extends PlanPart>(parts: readonly Part[], budget: number): PartGroups<Part>;
}
