import type { Digest } from "../../oci/digest.ts";
import type { Popularity } from "./popularity.ts";

/** A part of an image, such as a Debian package or a Nix store path, as planners see it. */
export interface PlanPart {
  /** Unique among the parts of one plan. A planner orders parts by it. */
  readonly id: string;
  /** The part's name without its version: what stays when the part is updated. */
  readonly bucket: string;
  readonly sizeBytes: number;
  /** Whether it is in every image of its source. */
  readonly base: boolean;
  /** Ids of the parts that it refers to; others than those of the plan count for nothing. */
  readonly references?: readonly string[];
  /** Whether the image was asked for by this part's name; the other parts are there because of references. */
  readonly requested?: boolean;
}

/** The parts of each layer: no group is empty, and a group has its parts in ascending order of id. */
export type PartGroups<Part> = readonly (readonly Part[])[];

/**
 * A way to group the parts of an image into layers.
 *
 * It is pure: the same parts, in any order, give the same groups in the same order. Each part is in exactly one group.
 */
export interface LayerPlan {
  /** Its name in settings and locks. */
  readonly kind: string;
  /** Changes whenever the same parts may be grouped in another way. */
  readonly formatVersion: number;
  /** Digest of the popularity data that decides with the parts; absent if nothing but the parts decides. */
  readonly popularityDigest?: Digest | undefined;
  /** This plan for parts whose source has popularity data of its own; absent if such data does not count. */
  readonly withPopularity?: (popularity: Popularity) => LayerPlan;

  /** At most `budget` groups, lowest layer first; `budget` is a whole number from 1 on. */
  plan<Part extends PlanPart>(parts: readonly Part[], budget: number): PartGroups<Part>;
}
