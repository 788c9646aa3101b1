import { RegistryError } from "./registry-error.ts";

/** A checked repository name such as `library/alpine`. */
export type RepositoryName = string & { readonly brand: "RepositoryName" };

/** Maximum length in characters, without the host: the length that the specification lets clients rely on. */
const MAX_REPOSITORY_NAME_LENGTH = 255;

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Whether `text` is a repository name (distribution-spec, "Pulling manifests"). */
export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_REPOSITORY_NAME_LENGTH && NAME.test(text);
}

/**
 * Parses a repository name.
 *
 * @throws {RegistryError} `name-invalid`
 */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text;
  throw new RegistryError("name-invalid", "invalid repository name", {
    detail: { name: text.slice(0, 300) },
  });
}
