import { join } from "node:path";

/** A process of the test that handles one message at a time. Disposing of it ends it. */
export interface WorkerProcess<Request, Reply> extends Disposable {
  readonly pid: number;
  /** Sends a message and resolves to the answer. @throws when the process fails or ends */
  ask(request: Request): Promise<Reply>;
}

/** A worker's answer: a reply, or why there is none. */
type Outcome<Reply> = { readonly reply: Reply } | { readonly error: string };

/** Starts the TypeScript file `name` of this folder. */
export function startWorker<Request, Reply>(name: string): WorkerProcess<Request, Reply> {
  let waiting: PromiseWithResolvers<Reply> | undefined;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, name)], {
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc(outcome: Outcome<Reply>) {
      if ("error" in outcome) waiting?.reject(new Error(`${name}: ${outcome.error}`));
      else waiting?.resolve(outcome.reply);
    },
    onExit: () => waiting?.reject(new Error(`${name} ended`)),
  });
  return {
    pid: child.pid,
    ask(request) {
      waiting = Promise.withResolvers();
      child.send(request);
      return waiting.promise;
    },
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

/** Answers the messages of the process that started this one; ends with it. */
export function serveMessages<Request, Reply>(answer: (request: Request) => Promise<Reply>): void {
  process.on("message", (request: Request) => {
    answer(request).then(
      (reply) => process.send?.({ reply }),
      (error: Error) => process.send?.({ error: error.stack ?? error.message }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
