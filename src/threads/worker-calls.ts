/** A question to a thread, and the number that identifies its answer. */
export interface WorkerCall<Question> {
  readonly call: number;
  readonly question: Question;
}

/** A thread's answer, or what went wrong. */
export type WorkerAnswer<Answer> =
  | { readonly call: number; readonly answer: Answer }
  | { readonly call: number; readonly failure: string };

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends questions to a thread, which answers one after the other. The first question starts the thread. If the thread
 * fails, all pending questions fail, and the next question starts a new thread.
 */
export class WorkerCalls<Question, Answer> implements Disposable {
  readonly #start: () => Worker;
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #worker: Worker | undefined;
  #asked = 0;
  #isDisposed = false;

  constructor(start: () => Worker) {
    this.#start = start;
  }

  /** Resolves to the thread's answer. @throws {Error} what failed in the thread, or that it ended */
  ask(question: Question): Promise<Answer> {
    if (this.#isDisposed) return Promise.reject(new Error("the thread was ended"));
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const call = ++this.#asked;
    this.#waiting.set(call, { resolve, reject });
    try {
      this.#worker ??= this.#open();
      this.#worker.postMessage({ call, question } satisfies WorkerCall<Question>);
    } catch (error) {
      this.#fail(this.#worker, new Error("the thread could not be started", { cause: error }));
    }
    return promise;
  }

  /** Ends the thread; pending questions fail. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    const worker = this.#worker;
    this.#fail(worker, new Error("the thread was ended"));
    worker?.terminate();
  }

  #open(): Worker {
    const worker = this.#start();
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
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }
}
