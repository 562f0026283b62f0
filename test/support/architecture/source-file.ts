import { dirname, join } from "node:path/posix";
import { type Node, parseSync, Visitor } from "oxc-parser";

/** Something found in a file, and where. */
export interface Found {
  readonly line: number;
  readonly text: string;
}

/** What the rules look at in one file. */
export interface SourceFile {
  /** From the root of the repository, with slashes: `src/sql/statement.ts`. */
  readonly path: string;
  readonly lines: number;
  /** What `import`, `export from` and `import()` name, of values and types; relative ones as paths from the root. */
  readonly imports: readonly Found[];
  /** The whole text of each function. */
  readonly functions: readonly Found[];
  /** String literals, and template literals with `?` for what is put in. */
  readonly texts: readonly Found[];
  /** `a.b` and `new A()`: how a file reaches time, randomness, output and environment. */
  readonly uses: readonly Found[];
  /** `any` and `export default`. */
  readonly banned: readonly Found[];
}

/** @throws Error when the file cannot be parsed: a rule must not pass because it saw nothing. */
export function readSource(path: string, source: string): SourceFile {
  const { program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`);
  const found = { imports: [], functions: [], texts: [], uses: [], banned: [] };
  const addTo = (list: Found[], node: Node, text = source.slice(node.start, node.end)): void => {
    list.push({ line: countLines(source.slice(0, node.start)), text });
  };
  const addImport = (node: Node & { readonly source: Node | null }): void => {
    if (node.source?.type === "Literal") addTo(found.imports, node, resolve(path, String(node.source.value)));
  };
  const addFunction = (node: Node): void => addTo(found.functions, node);
  const addUse = (node: Node): void => addTo(found.uses, node);
  new Visitor({
    ImportDeclaration: addImport,
    ExportNamedDeclaration: addImport,
    ExportAllDeclaration: addImport,
    ImportExpression: addImport,
    TSImportType: addImport,
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    MemberExpression: addUse,
    NewExpression: addUse,
    Literal: (node) => addTo(found.texts, node),
    TemplateLiteral: (node) => addTo(found.texts, node, node.quasis.map((part) => part.value.raw).join("?")),
    TSAnyKeyword: (node) => addTo(found.banned, node),
    ExportDefaultDeclaration: (node) => addTo(found.banned, node, "export default"),
  }).visit(program);
  return { path, lines: countLines(source.trimEnd()), ...found };
}

export function countLines(text: string): number {
  return text.split("\n").length;
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith(".") ? join(dirname(from), specifier) : specifier;
}
