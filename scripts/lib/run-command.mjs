import { spawn } from "node:child_process";
import { constants } from "node:os";

const FORWARDED = ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2"];

/**
 * Runs a program. Resolves to its exit code (128+n after signal n), and with `capture` to its output; otherwise it
 * uses our standard streams.
 *
 * It passes on our signals, except an interrupt from a terminal: the terminal sends that to the whole foreground
 * group, so the program already has it.
 */
export function runCommand(file, args, { capture = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: capture ? ["ignore", "pipe", "pipe"] : "inherit", ...options });
    const output = [];
    child.stdout?.on("data", (chunk) => output.push(chunk));
    child.stderr?.on("data", (chunk) => output.push(chunk));

    const passOn = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of FORWARDED) process.on(signal, passOn);
    const stopPassingOn = () => {
      for (const signal of FORWARDED) process.off(signal, passOn);
    };
    child.once("error", (error) => {
      stopPassingOn();
      reject(error);
    });
    child.once("close", (code, signal) => {
      stopPassingOn();
      const exitCode = signal === null ? code : 128 + constants.signals[signal];
      resolve({ exitCode, output: Buffer.concat(output).toString() });
    });
  });
}
