/**
 * Frees the memory of bytes that are no longer needed, without waiting for the garbage collector. Does nothing if the
 * bytes are only part of their buffer, because other code may use the rest.
 */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached && buffer.byteLength === byteLength)
    buffer.transfer(0);
}
