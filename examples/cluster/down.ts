// `examples/cluster/down`: ends the processes that pid files tell of, and nothing else. See USAGE in cluster-options.ts.
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseClusterOptions, pidFolder, USAGE } from "./cluster-options.ts";
import { STOP_WITHIN_MS, stop, stopSignal } from "./service-process.ts";

const options = parseClusterOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else await down(options.cluster.data, options.purge);

async function down(data: string, purge: boolean): Promise<void> {
  const folder = pidFolder(data);
  const names = existsSync(folder) ? readdirSync(folder).map((file) => basename(file, ".pid")) : [];
  for (const name of names.toSorted((one, other) => rank(one) - rank(other))) {
    await stop(join(folder, `${name}.pid`), stopSignal(name), STOP_WITHIN_MS);
    console.log(`${name} has ended`);
  }
  if (purge) await rm(data, { recursive: true, force: true });
}

/** Those first that others do not rely on. */
function rank(name: string): number {
  const order = ["s3", "redis", "postgres"];
  return name === "proxy" ? -2 : order.indexOf(name);
}
