/**
 * Frees the memory of bytes that nobody needs any more. Left to the garbage collector, it would pile up until the next
 * collection. Does nothing if the bytes are only a part of their buffer, because others may use the rest.
 */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached && buffer.byteLength === byteLength)
    buffer.transfer(0);
}
