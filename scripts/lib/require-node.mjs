// Import this first: it stops with one clear line on an old Node.
const OLDEST_MAJOR = 20;

if (Number.parseInt(process.versions.node, 10) < OLDEST_MAJOR) {
  console.error(`Slipway needs Node ${OLDEST_MAJOR} or newer to start; this is ${process.version}.`);
  process.exit(1);
}
