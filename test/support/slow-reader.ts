import type { Socket } from "node:net";
import { openConnection } from "./raw-http.ts";

/** A client that reads the beginning of an answer, and the rest after {@link resume}. */
export class SlowReader {
  readonly #socket: Socket;
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>;
  /** Bytes received so far, including the head. */
  received = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** Requests a path of the server at `url`; resolves when the answer begins. */
  static async open(url: string, path: string, headers = ""): Promise<SlowReader> {
    const socket = await openConnection(url);
    const reader = new SlowReader(socket);
    const first = new Promise<void>((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        if (reader.received === 0) socket.pause();
        reader.received += chunk.byteLength;
        resolve();
      });
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
    await first;
    return reader;
  }

  /** Reads the rest. */
  resume(): void {
    this.#socket.resume();
  }

  /** Closes the connection. */
  end(): void {
    this.#socket.destroy();
  }
}
