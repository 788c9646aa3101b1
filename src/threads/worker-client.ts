/** A message to a thread: a question, with a number that its answer repeats, or a note without a number. */
export interface WorkerMessage<Question> {
  readonly call?: number;
  readonly question: Question;
}

/** A thread's answer, or what went wrong. */
export type WorkerAnswer<Answer> =
  | { readonly call: number; readonly answer: Answer }
  | { readonly call: number; readonly failure: string };

/** Options of a {@link WorkerClient}. */
export interface WorkerClientOptions {
  readonly start: () => Worker;
  /** Called when a thread fails, before the next one starts. */
  readonly onFailure?: ((failure: Error) => void) | undefined;
}

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends messages to a thread, which handles one after the other. The first message starts the thread. If the thread
 * fails, all pending questions fail, and the next message starts a new thread.
 */
export class WorkerClient<Question, Answer> implements Disposable {
  readonly #options: WorkerClientOptions;
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #worker: Worker | undefined;
  #generation = 0;
  #asked = 0;
  #isDisposed = false;

  constructor(options: WorkerClientOptions) {
    this.#options = options;
  }

  /** Number of the thread. It changes when the thread fails, because the next thread starts without its state. */
  get generation(): number {
    return this.#generation;
  }

  /** Resolves to the thread's answer. @throws {Error} if the question failed, or the thread failed or ended */
  ask(question: Question): Promise<Answer> {
    if (this.#isDisposed) return Promise.reject(ended());
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const call = ++this.#asked;
    this.#waiting.set(call, { resolve, reject });
    this.#post({ call, question });
    return promise;
  }

  /** Sends a note, to which there is no answer. If the thread cannot handle it, the thread fails. */
  tell(question: Question): void {
    if (!this.#isDisposed) this.#post({ question });
  }

  /** Ends the thread; pending questions fail. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    const worker = this.#worker;
    this.#forget(worker, ended());
    worker?.terminate();
  }

  #post(message: WorkerMessage<Question>): void {
    try {
      this.#worker ??= this.#open();
      this.#worker.postMessage(message);
    } catch (error) {
      this.#fail(this.#worker, new Error("the thread could not be started", { cause: error }));
    }
  }

  #open(): Worker {
    const worker = this.#options.start();
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer<Answer>>) => {
      const waiting = this.#waiting.get(data.call);
      this.#waiting.delete(data.call);
      if ("answer" in data) waiting?.resolve(data.answer);
      else waiting?.reject(new Error(data.failure));
    };
    worker.onerror = (event) => this.#fail(worker, new Error(`the thread failed: ${event.message}`));
    worker.addEventListener("close", () => this.#fail(worker, new Error("the thread ended unexpectedly")));
    // A thread that waits for work must not keep the process alive.
    worker.unref();
    return worker;
  }

  #fail(worker: Worker | undefined, failure: Error): void {
    if (this.#forget(worker, failure)) this.#options.onFailure?.(failure);
  }

  /** Rejects all pending questions, if the thread is still the current one. */
  #forget(worker: Worker | undefined, failure: Error): boolean {
    if (worker !== this.#worker) return false;
    this.#worker = undefined;
    this.#generation += 1;
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
    return true;
  }
}

function ended(): Error {
  return new Error("the thread was ended");
}
