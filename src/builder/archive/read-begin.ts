/** At most about `size` bytes from the begin of a stream, in whole pieces; the stream goes on behind them. */
export async function readBegin(stream: AsyncGenerator<Uint8Array>, size: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let read = 0; read < size; ) {
    const { value, done } = await stream.next();
    if (done) break;
    pieces.push(value.slice());
    read += value.byteLength;
  }
  return Buffer.concat(pieces);
}
