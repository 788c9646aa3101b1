// Bun drops the Content-Length of a response whose body is a stream, and sends it chunked.
// Expected: the header that the handler set, so that clients know the size, and a break when the stream ends early.
import { ask } from "./ask.ts";

using server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch() {
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new Uint8Array(2));
        await Bun.sleep(20);
        controller.enqueue(new Uint8Array(1));
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-length": "3" } });
  },
});
const answer = await ask(server.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
console.log(JSON.stringify(answer));
process.exitCode = !/content-length/i.test(answer) && /transfer-encoding: chunked/i.test(answer) ? 0 : 1;
