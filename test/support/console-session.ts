/** A command of a console session in a document, and its output. */
export interface ConsoleStep {
  readonly command: string;
  readonly output: string;
}

/** Separates the outputs of two commands; no command prints it. */
const SEPARATOR = "\u0001";

/**
 * The steps of all blocks of the kind `console` in a Markdown text. A command begins with `$ `; the indented lines that
 * follow it belong to it.
 */
export function consoleSteps(markdown: string): readonly ConsoleStep[] {
  return [...markdown.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
    [...block.matchAll(/^\$ (.*\n(?: {2,}.*\n)*)((?:(?!\$ ).*\n)*)/gm)].map(
      ([, command = "", output = ""]) => ({ command, output }),
    ),
  );
}

/** Runs the commands in one shell, in `folder`; resolves to the output of each, including errors. */
export async function runSteps(
  steps: readonly ConsoleStep[],
  folder: string,
): Promise<readonly ConsoleStep[]> {
  const script = `exec 2>&1\n${steps.map(({ command }) => `${command}printf '${SEPARATOR}'\n`).join("")}`;
  const child = Bun.spawn(["bash"], {
    cwd: folder,
    stdin: Buffer.from(script),
    stdout: "pipe",
    stderr: "inherit",
  });
  const outputs = (await new Response(child.stdout).text()).split(SEPARATOR);
  return steps.map(({ command }, index) => ({ command, output: outputs[index] ?? "" }));
}
