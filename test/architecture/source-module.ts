import { dirname, join } from "node:path/posix";
import { type ArrowFunctionExpression, type Function as FunctionNode, parseSync, Visitor } from "oxc-parser";

/** The facts of a file of code that the rules check. Paths are relative to the checkout. */
export interface SourceModule {
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly ModuleImport[];
  readonly functions: readonly FunctionExtent[];
  readonly hasDefaultExport: boolean;
  /** Lines that read the process environment. */
  readonly environmentReads: readonly number[];
}

/** An import of another file of the checkout; packages and built-in modules are left out. */
export interface ModuleImport {
  readonly target: string;
  /** Whether only types are imported. */
  readonly isTypeOnly: boolean;
}

/** The lines of a function, including its signature. */
export interface FunctionExtent {
  readonly firstLine: number;
  readonly lineCount: number;
}

/** Parses `text`, the content of the file at `path`. */
export function parseSourceModule(path: string, text: string): SourceModule {
  const { program, module, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new SyntaxError(`${path}: ${errors[0].message}`);
  const lineAt = lineFinder(text);
  const functions: FunctionExtent[] = [];
  const environmentReads: number[] = [];
  const addFunction = (node: FunctionNode | ArrowFunctionExpression) => {
    const firstLine = lineAt(node.start);
    functions.push({ firstLine, lineCount: lineAt(node.end - 1) - firstLine + 1 });
  };
  new Visitor({
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    MemberExpression(node) {
      if (/^(?:process|Bun|import\.meta)\??\.env$/.test(text.slice(node.start, node.end))) {
        environmentReads.push(lineAt(node.start));
      }
    },
  }).visit(program);
  const exported = module.staticExports.flatMap(({ entries }) => entries);
  return {
    path,
    lineCount: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    imports: importsOf(path, text, module),
    functions,
    hasDefaultExport: exported.some(({ exportName }) => exportName.kind === "Default"),
    environmentReads,
  };
}

function importsOf(
  path: string,
  text: string,
  module: ReturnType<typeof parseSync>["module"],
): readonly ModuleImport[] {
  const requests = [
    ...module.staticImports.map(({ moduleRequest, entries }) => ({
      specifier: moduleRequest.value,
      isTypeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    })),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.map(({ moduleRequest, isType }) => ({ specifier: moduleRequest?.value, isTypeOnly: isType })),
    ),
    ...module.dynamicImports.map(({ moduleRequest }) => ({
      specifier: text.slice(moduleRequest.start, moduleRequest.end).replace(/^["'`]|["'`]$/g, ""),
      isTypeOnly: false,
    })),
  ];
  return requests.flatMap(({ specifier, isTypeOnly }) =>
    specifier?.startsWith(".") ? [{ target: join(dirname(path), specifier), isTypeOnly }] : [],
  );
}

/** A function from an offset in `text` to its line, starting at 1. */
function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    const after = starts.findIndex((start) => start > offset);
    return after < 0 ? starts.length : after;
  };
}
