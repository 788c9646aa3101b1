import { compose, type Slipway } from "../compose.ts";
import { VERSION } from "../version.ts";
import { type Command, type CommandContext, ExitCode } from "./command.ts";

/** `slipway serve`: the registry, until a signal ends it. */
export const serveCommand: Command = {
  summary: "Serves the registry until SIGTERM or SIGINT",
  arguments: "",
  options: {},
  positionals: { least: 0, most: 0 },
  run: serve,
};

async function serve({ config, log }: CommandContext): Promise<ExitCode> {
  const ended = nextSignal();
  await using slipway = await compose(config, log);
  const server = slipway.serve();
  process.stdout.write(`${await banner(slipway, server.url)}\n`);
  log.info({ signal: await ended }, "stopping");
  await server.stop(config.http.drainTimeoutSeconds * 1000);
  return ExitCode.ok;
}

/** The first signal to end. Later ones change nothing: a supervisor's and a launcher's often come together. */
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
