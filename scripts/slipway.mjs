#!/usr/bin/env node
// The `slipway` command: installs what is missing, then hands over to Bun.
import "./lib/require-node.mjs";
import { fileURLToPath } from "node:url";
import { runBun } from "./lib/run-bun.mjs";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
await runBun([main, ...process.argv.slice(2)]);
