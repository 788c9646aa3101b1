// A program that runs in namespaces of its own: fills new folders from archives on its standard input, one after the
// other.
import { closeSync } from "node:fs";
import { contentPieces, type TarInput, tarEntries } from "../archive/tar-reader.ts";
import { openFolder } from "./file-facts.ts";
import { becomeRoot } from "./identity.ts";
import { AT_FDCWD, byteString } from "./libc.ts";
import { reportResult, send, takeInput, takeOrder } from "./program-channel.ts";
import { TreeWriter } from "./tree-writer.ts";
import type { UnpackOrder } from "./unpack-programs.ts";

/** An archive that comes in pieces with their lengths before them; see {@link UnpackOrder}. */
class PieceInput implements TarInput {
  #piece: Uint8Array = new Uint8Array();
  #hasEnded = false;

  take(size: number): Uint8Array {
    if (size <= this.#piece.byteLength) return this.#cut(size);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      if (this.#piece.byteLength === 0 && !this.#next()) throw new Error("the archive ends early");
      const part = this.#cut(Math.min(size - at, this.#piece.byteLength));
      bytes.set(part, at);
      at += part.byteLength;
    }
    return bytes;
  }

  /** Skips what follows the archive's own end. */
  finish(): void {
    while (this.#next());
  }

  #cut(size: number): Uint8Array {
    const part = this.#piece.subarray(0, size);
    this.#piece = this.#piece.subarray(size);
    return part;
  }

  /** False at the end. */
  #next(): boolean {
    if (this.#hasEnded) return false;
    this.#piece = takeInput(takeInput(4).readUInt32LE(0));
    this.#hasEnded = this.#piece.byteLength === 0;
    return !this.#hasEnded;
  }
}

function fill(root: number): void {
  const tree = new TreeWriter(root);
  const input = new PieceInput();
  for (const entry of tarEntries(input)) {
    const content = contentPieces(input, entry.size);
    tree.add(entry, content);
    for (const _ of content);
  }
  tree.finish();
  input.finish();
}

send("ready");
reportResult(() => {
  const { folders } = takeOrder<UnpackOrder>();
  // The sandbox's root may not enter the server's folders.
  const roots = folders.map((folder) => openFolder(AT_FDCWD, byteString(folder)));
  send("opened");
  becomeRoot();
  for (const root of roots) {
    fill(root);
    closeSync(root);
    send("filled");
  }
});
