// A round-robin HTTP proxy: `node proxy.mjs PORT TARGET …`, where a target is HOST:PORT, or a port of this host.
//
// Each request goes to the next target, whatever connection it came on. Bodies stream both ways at the slower side's
// pace. Nothing is tried twice and no target is left out: whatever fails, the client sees it.
import { Agent, createServer, request } from "node:http";

const [port, ...addresses] = process.argv.slice(2);
const targets = addresses.map((address) => {
  const [host, targetPort] = address.includes(":") ? address.split(":") : ["127.0.0.1", address];
  return { host, port: targetPort };
});
// Idle connections end here before the targets would end them, so that no request meets one that is closing.
const agent = new Agent({ keepAlive: true, timeout: 20_000 });
let turn = 0;

const server = createServer((incoming, outgoing) => {
  const target = targets[turn++ % targets.length];
  const { method, url: path, rawHeaders: headers } = incoming;
  const forwarded = request({ ...target, agent, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
    // An answer that breaks off must break off here too, and not look complete.
    answer.on("error", () => outgoing.destroy());
    answer.pipe(outgoing);
  });
  forwarded.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502, { connection: "close" }).end();
  });
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) forwarded.destroy();
  });
  incoming.pipe(forwarded);
});
// Uploads take as long as they take.
server.requestTimeout = 0;
server.listen(Number(port), process.env.PROXY_HOST ?? "127.0.0.1");
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
