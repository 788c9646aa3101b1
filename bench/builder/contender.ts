/** A registry that builds images of the package set, while it runs. Disposing of it ends its processes. */
export interface RunningContender extends AsyncDisposable {
  /** Address of the manifest of an image, such as `shell/git`. */
  manifestUrl(image: string): string;
  /** The image as skopeo names it. */
  skopeoSource(image: string): string;
}

/** What is there already when a contender starts; it never has a layer. */
export type Beginning = "nothing" | "packages";

/** A program under measurement. Disposing of it removes what it keeps. */
export interface Contender extends AsyncDisposable {
  /** Column heading, such as `Nixery`. */
  readonly name: string;
  readonly version: string;
  /** Starts it without any layer; `packages` leaves what Nix built before. One runs at a time. */
  start(beginning: Beginning): Promise<RunningContender>;
  /** Starts it on the set's repository, without any layer; its images have the commit as their tag. */
  startPinned(): Promise<RunningContender>;
}
