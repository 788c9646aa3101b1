import { connect } from "node:net";

/** Sends text over a connection of its own; resolves to everything received, at the end or after half a second. */
export async function ask(port: number | undefined, text: string): Promise<string> {
  const socket = connect(port ?? 0, "127.0.0.1", () => socket.write(text));
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  await Promise.race([closed, Bun.sleep(500)]);
  socket.destroy();
  return received;
}
