/** An entry of a stage's outcome, beside what the image's package layers have at its path. */
export interface TimedEntry {
  /** The time in the package layers; `undefined` if they do not have this path, or have it with another type. */
  readonly packagedAt: Date | undefined;
  /** Whether the layers have the same content, or link target. Always true for a folder that they have. */
  readonly isPackagedContent: boolean;
}

/**
 * The time an entry gets: the package's if only its owner or mode changed, and the image's otherwise.
 *
 * Never the time in the tree, which the clock of the building machine would decide.
 */
export function entryTime({ packagedAt, isPackagedContent }: TimedEntry, createdAt: Date): Date {
  return packagedAt !== undefined && isPackagedContent ? packagedAt : createdAt;
}
