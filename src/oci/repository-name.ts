import { RegistryError } from "./registry-error.ts";

/** A repository's name, such as `library/alpine`, checked against the specification's grammar. */
export type RepositoryName = string & { readonly brand: "RepositoryName" };

/** Longest name in characters: what the specification says clients may rely on, host name not counted. */
const MAX_REPOSITORY_NAME_LENGTH = 255;

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Whether `text` is a repository name (distribution-spec, "Pulling manifests"). */
export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_REPOSITORY_NAME_LENGTH && NAME.test(text);
}

/**
 * The repository name that `text` spells.
 *
 * @throws {RegistryError} `name-invalid`
 */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text;
  throw new RegistryError("name-invalid", "invalid repository name", {
    detail: { name: text.slice(0, 300) },
  });
}
