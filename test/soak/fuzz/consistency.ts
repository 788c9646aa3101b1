import { algorithmOf, digestOf, parseDigest } from "../../../src/oci/digest.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import type { Knowledge } from "./knowledge.ts";

/**
 * The problems that clients can see in the registry.
 *
 * Checks that every tag resolves, that every manifest and blob hashes to its digest, and that all referrers of a
 * tagged manifest exist.
 */
export async function inconsistencies(url: string, known: Knowledge): Promise<readonly string[]> {
  const client = new RegistryClient({ url });
  const problems: string[] = [];
  const { repositories } = (await (await client.call("GET", "/v2/_catalog")).json()) as {
    repositories: string[];
  };
  for (const name of repositories) {
    const { tags } = (await (await client.call("GET", `/v2/${name}/tags/list`)).json()) as { tags: string[] };
    for (const tag of tags) problems.push(...(await manifestProblems(client, name, tag)));
  }
  for (const { repository, digest } of known.manifests) {
    problems.push(...(await contentProblems(client, `/v2/${repository}/manifests/${digest}`, digest, true)));
  }
  for (const { repository, digest } of known.blobs) {
    problems.push(...(await contentProblems(client, `/v2/${repository}/blobs/${digest}`, digest, true)));
  }
  return problems;
}

async function manifestProblems(
  client: RegistryClient,
  name: string,
  tag: string,
): Promise<readonly string[]> {
  const path = `/v2/${name}/manifests/${tag}`;
  const digest = (await client.call("HEAD", path)).headers.get("docker-content-digest");
  if (digest === null) return [`${path} is listed and does not resolve`];
  const problems = [...(await contentProblems(client, path, digest, false))];
  const referrers = await client.call("GET", `/v2/${name}/referrers/${digest}`);
  const { manifests } = (await referrers.json()) as { manifests: { digest: string }[] };
  for (const each of manifests) {
    problems.push(
      ...(await contentProblems(client, `/v2/${name}/manifests/${each.digest}`, each.digest, false)),
    );
  }
  return problems;
}

async function contentProblems(
  client: RegistryClient,
  path: string,
  digest: string,
  mayBeDeleted: boolean,
): Promise<readonly string[]> {
  const response = await client.call("GET", path);
  const bytes = await response.bytes();
  if (response.status === 404 && mayBeDeleted) return [];
  if (response.status !== 200) return [`${path} is answered ${response.status}`];
  const actual = digestOf(bytes, algorithmOf(parseDigest(digest)));
  return actual === digest ? [] : [`${path} hashes to ${actual}`];
}
