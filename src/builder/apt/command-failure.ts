import { RegistryError } from "../../oci/registry-error.ts";
import { CommandError } from "../process/command-runner.ts";

/**
 * The result of `work`, which runs commands.
 *
 * @throws {RegistryError} `build-failed` when a command could not be started or ran out of time
 */
export async function orBuildFailed<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof CommandError) {
      throw new RegistryError("build-failed", "the package manager did not finish", { cause });
    }
    throw cause;
  }
}
