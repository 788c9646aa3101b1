// `examples/cluster/up`: see USAGE in cluster-options.ts.
import { Cluster } from "./cluster.ts";
import { parseClusterOptions, USAGE } from "./cluster-options.ts";

const options = parseClusterOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else {
  const cluster = await Cluster.open(options.cluster);
  await cluster.up((name) => console.log(`${name} answers`));
  console.log(
    `\nThe registry is at ${cluster.url}; its instances are at ${cluster.instanceUrls.join(", ")}.`,
  );
  console.log(`Logs are in ${options.cluster.data}/log. End it with examples/cluster/down.`);
}
