import type { Cluster } from "../../../examples/cluster/cluster.ts";
import { RegistryClient } from "../../support/registry-client.ts";

/** Clients that connect directly to the first three instances. */
export function viewsOf(cluster: Cluster): readonly [RegistryClient, RegistryClient, RegistryClient] {
  const [one, two, three] = cluster.instanceUrls.map((url) => new RegistryClient({ url }));
  if (one === undefined || two === undefined || three === undefined)
    throw new Error("three instances are needed");
  return [one, two, three];
}

/** The answer, which must have that status. */
export async function must(answering: Promise<Response>, status: number): Promise<Response> {
  const answer = await answering;
  if (answer.status !== status) {
    throw new Error(`${answer.url} answered ${answer.status}, not ${status}: ${await answer.text()}`);
  }
  return answer;
}
