/** A measured server. Disposing of it ends its processes and waits for their end. */
export interface BenchServer extends AsyncDisposable {
  /** Column heading, such as `nginx`. */
  readonly name: string;
  readonly version: string;
  /** Its address, such as `http://127.0.0.1:40123`. */
  readonly origin: string;
  /** Whether content is pushed through the registry API; otherwise it is stored as files. */
  readonly isRegistry: boolean;
  /** The processes that serve, without their launcher. */
  processes(): readonly number[];
}

/** Starts a server with its data in `folder`, which is empty and whose owner removes it. */
export type ServerStarter = (folder: string) => Promise<BenchServer>;
