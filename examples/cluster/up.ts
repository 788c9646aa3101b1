// `examples/cluster/up`: see USAGE in cluster-options.ts.
import { Cluster } from "./cluster.ts";
import { parseClusterOptions, USAGE } from "./cluster-options.ts";

const options = parseClusterOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else {
  const cluster = await Cluster.open(options.cluster, settingsOfInstances);
  await cluster.up((name) => console.log(`${name} answers`));
  console.log(
    `\nThe registry is at ${cluster.url}; its instances are at ${cluster.instanceUrls.join(", ")}.`,
  );
  console.log(`Logs are in ${options.cluster.data}/log. Stop it with examples/cluster/down.`);
}

/** Settings from our own environment, which every instance gets as well. */
function settingsOfInstances(): Readonly<Record<string, string>> {
  const settings = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[0].startsWith("SLIPWAY_") && !entry[0].startsWith("SLIPWAY_TEST_") && entry[1] !== undefined,
  );
  return Object.fromEntries(settings);
}
