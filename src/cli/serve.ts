import { compose, type Slipway } from "../compose.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { OPEN_ACCESS } from "../registry/access-policy.ts";
import { VERSION } from "../version.ts";
import { type Command, type CommandContext, ExitCode } from "./command.ts";

/** `slipway serve`: runs the registry until a signal stops it. */
export const serveCommand: Command = {
  summary: "Serves the registry until SIGTERM or SIGINT",
  arguments: "",
  options: {
    "accept-data-loss": {
      type: "boolean",
      help: "Starts even if the metadata or the blobs are missing",
    },
  },
  positionals: { min: 0, max: 0 },
  run: serve,
};

/** How long running requests can continue after the data is lost, in milliseconds. */
const LOST_DRAIN_MS = 1000;

async function serve({ config, log, options }: CommandContext): Promise<ExitCode> {
  const ended = nextSignal();
  const acceptDataLoss = options["accept-data-loss"] === true;
  await using slipway = await compose(config, log, OPEN_ACCESS, { acceptDataLoss });
  const server = slipway.serve();
  process.stdout.write(`${await banner(slipway, server.url)}\n`);
  const end = await Promise.race([ended, slipway.lost]);
  if (typeof end !== "string") {
    const { driver, key } = end;
    const failure = storageFailure(end);
    log.fatal({ driver, key, err: end }, `${failure?.error.message}; stopping: ${failure?.remedy}`);
    await server.stop(LOST_DRAIN_MS);
    return ExitCode.failed;
  }
  log.info({ signal: end }, "stopping");
  await server.stop(config.http.drainTimeoutSeconds * 1000);
  return ExitCode.ok;
}

/** Resolves to the first stop signal. Ignores later ones, because a supervisor and a launcher often both send one. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}

async function banner(slipway: Slipway, url: string): Promise<string> {
  const sources = await slipway.buildSources();
  const usable = sources.find((source) => source.available);
  const host = url.replace(/^https?:\/\//, "");
  return [
    `Slipway ${VERSION} listens on ${url}`,
    `  data           ${slipway.data}`,
    ...sources.map(
      ({ name, available, detail }) =>
        `  build source   ${name}: ${available ? "" : "not available: "}${detail}`,
    ),
    ...(sources.length === 0 ? ["  build source   none"] : []),
    usable
      ? `  try            docker pull ${host}/${usable.example}`
      : `  try            docker push ${host}/my/image:latest`,
  ].join("\n");
}
