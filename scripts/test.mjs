// `npm test`: the unit, contract and integration tests; arguments narrow them down, as in `npm test -- src/oci`.
import "./lib/require-node.mjs";
import { environmentOfTests, PROJECT_ROOT, runBun } from "./lib/run-bun.mjs";
import { bunTestArguments } from "./lib/tasks.mjs";

process.chdir(PROJECT_ROOT);
await runBun(bunTestArguments(process.argv.slice(2)), environmentOfTests());
