/** A running registry that builds images of the package set. Disposing of it ends its processes. */
export interface RunningContender extends AsyncDisposable {
  /** Address of the manifest of an image such as `shell/git`. */
  manifestUrl(image: string): string;
  /** The image's name for skopeo. */
  skopeoSource(image: string): string;
}

/** What a contender already has when it starts. It never has a layer. */
export type Beginning = "nothing" | "packages";

/** A measured program. Disposing of it removes its data. */
export interface Contender extends AsyncDisposable {
  /** Column heading, such as `Nixery`. */
  readonly name: string;
  readonly version: string;
  /** Starts it without layers; `packages` keeps what Nix built before. Only one can run at a time. */
  start(beginning: Beginning): Promise<RunningContender>;
  /** Starts it on the set's repository, without layers. Its images have the commit as their tag. */
  startPinned(): Promise<RunningContender>;
}
