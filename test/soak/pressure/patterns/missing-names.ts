import type { Pattern } from "../pattern.ts";
import type { Stage } from "../stage.ts";

const AT_ONCE = 100;

/** Bursts of requests for names that nobody pushed. Some are names that the builder serves, others are not. */
export class MissingNames implements Pattern {
  readonly name = "missing-names";
  readonly summary = "bursts of 100 HEADs at once of names that are not there";
  readonly isFairnessCase = false;

  async prepare(): Promise<void> {}

  async run(stage: Stage): Promise<void> {
    while (!stage.ended) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, (_, i) => {
          const name = `${i % 2 === 0 ? "apt" : "team"}/missing-${stage.random.below(1_000_000)}`;
          return stage.ask({ method: "HEAD", path: `/v2/${name}/manifests/latest` });
        }),
      );
      await stage.rest(1000);
    }
  }
}
