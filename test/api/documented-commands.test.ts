import { expect, it } from "bun:test";
import { join } from "node:path";
import { installed } from "../support/command.ts";
import { consoleSteps, runSteps } from "../support/console-session.ts";
import { startRegistry } from "../support/registry-server.ts";
import { describeWith } from "../support/requirements.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Address of the registry in the documents. */
const DOCUMENTED_URL = "http://127.0.0.1:5000";

describeWith("the commands in the documents", installed("bash", "curl"), "bash or curl is missing", () => {
  it("print what docs/conditional-writes.md says", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../docs/conditional-writes.md")).text();
    const steps = consoleSteps(text);
    expect(steps.length).toBeGreaterThan(15);
    await using server = await startRegistry();
    await using folder = await temporaryFolder("documented-commands");
    const own = (command: string) => command.replace(DOCUMENTED_URL, server.url);
    const seen = await runSteps(
      steps.map((step) => ({ ...step, command: own(step.command) })),
      folder.path,
    );
    expect(seen).toEqual(steps.map((step) => ({ ...step, command: own(step.command) })));
  });
});
