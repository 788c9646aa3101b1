import { RegistryClient } from "../../support/registry-client.ts";
import { judge, type KnownSkip, runProgram } from "./results.ts";
import type { Suite, SuiteRun } from "./suite.ts";

/** The prefix of all test names, and of the names in the report. */
const EACH_TEST = "OCI Distribution Conformance Tests ";
const IN_REPORT = `[It] ${EACH_TEST}`;

const MOUNTS = "Push Cross-Repository Blob Mount ";

/** Tests that are skipped in a run with the suite's own content. */
const SKIPPED: readonly KnownSkip[] = [
  {
    test: "Pull Setup Get tag name from environment",
    reason: "the suite pushes what it pulls; the run over content that was there has it",
  },
  {
    test: `${MOUNTS}Cross-mounting of nonexistent blob should yield session id`,
    reason: "the blob exists; the run that mounts what is nowhere has it",
  },
  {
    test: `${MOUNTS}Cross-mounting without from, and automatic content discovery disabled should return a 202`,
    reason: "a blob is always looked for wherever its caller may read; the test of the opposite passes",
  },
  {
    test: "Content Discovery Setup Populate registry with test tags (no push)",
    reason: "the suite pushes what it lists; the run over content that was there has it",
  },
];

const PULL = { OCI_TEST_PULL: "1" };
const PUSH = { OCI_TEST_PUSH: "1" };
const DISCOVERY = { OCI_TEST_CONTENT_DISCOVERY: "1" };
const EVERYTHING = {
  ...PULL,
  ...PUSH,
  ...DISCOVERY,
  OCI_TEST_CONTENT_MANAGEMENT: "1",
  OCI_AUTOMATIC_CROSSMOUNT: "1",
};

/** The suite of the specification's 1.1 release candidate: a test binary whose tests are chosen by flags. */
export const OLDER_SUITE: Suite = {
  title: "the suite's older version",
  program: "conformance-1.1",
  runs: [
    olderRun("manifests deleted before blobs", [], { ...EVERYTHING, OCI_DELETE_MANIFEST_BEFORE_BLOBS: "1" }),
    olderRun("blobs deleted before manifests", [], { ...EVERYTHING, OCI_DELETE_MANIFEST_BEFORE_BLOBS: "0" }),
    olderRun("a mount of what is nowhere", [`${MOUNTS}Cross-mounting of`, `${MOUNTS}POST request`], PUSH),
    olderRun(
      "content that was there",
      [
        "Pull Setup Get tag name from environment",
        "Pull Pull",
        "Pull Error codes",
        "Content Discovery Setup Populate registry with test tags (no push)",
        "Content Discovery Test content discovery endpoints (listing tags)",
      ],
      { ...PULL, ...DISCOVERY },
      pushContent,
    ),
  ],
};

/**
 * A run of the tests whose names begin with one of `beginnings`, or of all tests if there are none. Each must match a
 * test.
 */
function olderRun(
  title: string,
  beginnings: readonly string[],
  settings: SuiteRun["server"],
  prepare: (url: string, repository: string) => Promise<SuiteRun["server"]> = async () => ({}),
): SuiteRun {
  return {
    title,
    server: {},
    async run(program, url, prefix) {
      const repository = `${prefix}/one`;
      const command = [program, "-ginkgo.no-color", ...beginnings.map(focusFlag)];
      const outcome = await runProgram(command, "OCI_REPORT_DIR", {
        OCI_ROOT_URL: url,
        OCI_NAMESPACE: repository,
        OCI_CROSSMOUNT_NAMESPACE: `${prefix}/two`,
        ...settings,
        ...(await prepare(url, repository)),
      });
      const all = outcome.tests
        .filter(({ name }) => name.startsWith(IN_REPORT))
        .map(({ name, status }) => ({ name: name.slice(IN_REPORT.length), status }));
      if (beginnings.length === 0) return judge({ ...outcome, tests: all }, SKIPPED);
      const chosen = beginnings.flatMap((beginning) => {
        const found = all.filter(({ name }) => name.startsWith(beginning));
        return found.length > 0 ? found : [{ name: beginning, status: "not found" }];
      });
      return judge({ ...outcome, tests: chosen }, []);
    },
  };
}

function focusFlag(beginning: string): string {
  return `-ginkgo.focus=${EACH_TEST}${beginning.replace(/[()]/g, "\\$&")}`;
}

/** Pushes an image with tags; resolves to the suite's variables for it. */
async function pushContent(url: string, repository: string): Promise<SuiteRun["server"]> {
  const client = new RegistryClient({ url });
  const image = await client.makeImage(repository);
  const tags = ["first", "second", "third", "fourth"];
  for (const tag of tags) await client.pushManifest(repository, image, tag);
  const { digest } = await client.pushManifest(repository, image);
  return {
    OCI_TAG_NAME: "first",
    OCI_TAG_LIST: tags.join(","),
    OCI_MANIFEST_DIGEST: digest,
    OCI_BLOB_DIGEST: image.config.digest,
  };
}
