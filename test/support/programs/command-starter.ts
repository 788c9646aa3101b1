// Runs a script until it is killed, and prints what the script prints. Argument: the script.
import { CommandRunner } from "../../../src/builder/process/command-runner.ts";
import { createLogger } from "../../../src/log.ts";

const runner = new CommandRunner({ environment: process.env, log: createLogger("silent") });
const onLine = (line: string) => console.log(line);
await runner.run(["true"], { timeoutMs: 600_000 });
await runner.run(["sh", "-c", process.argv[2] ?? ""], { timeoutMs: 600_000, onLine });
