import { readPackageFile } from "../package-files.ts";
import { isStamp, type SchemaFileKind, type Variant } from "./schema-file.ts";

/** A model or an enum begins. */
const BLOCK = /^(model|enum) (\w+) \{$/;
const SCALARS = ["String", "Int", "BigInt", "Boolean", "Float", "Decimal", "DateTime", "Json", "Bytes", "Unsupported"];

/** The models of the queue, beside the app's own in the folder of its Prisma schema. */
export const PRISMA_FILE: SchemaFileKind = { orm: "prisma", write, readVariant, essence };

/** Whether a text declares the queue's models, whoever wrote it. */
export function hasQueueModels(text: string): boolean {
  return /^\s*model\s+ProcrastinateJob\s*\{/m.test(text);
}

/** The package's file with its variations, in the layout of `prisma format`. */
function write({ tables: { schema, prefix = "procrastinate_" }, hidden, relations }: Variant): string {
  let block: string | undefined;
  const lines = shipped().flatMap((line) => {
    block = BLOCK.exec(line)?.[2] ?? block;
    if (block === undefined) return [line];
    if (line === "") {
      const own = relations.get(block) ?? [];
      // The fields end at the first empty line of a model.
      block = undefined;
      return [...own, line];
    }
    return [line];
  });
  const varied = addBlockAttributes(lines, schema, hidden);
  return varied.map((line) => line.replaceAll('"procrastinate_', () => `"${prefix}`)).join("\n");
}

function addBlockAttributes(lines: readonly string[], schema: string | undefined, hidden: readonly string[]): string[] {
  let name = "";
  return lines.flatMap((line) => {
    name = BLOCK.exec(line)?.[2] ?? name;
    if (!line.startsWith("  @@map(")) return [line];
    return [
      line,
      ...(hidden.includes(name) ? ["  @@ignore"] : []),
      ...(schema === undefined ? [] : [`  @@schema("${schema}")`]),
    ];
  });
}

function shipped(): string[] {
  return readPackageFile("prisma/procrastinate.prisma").split("\n");
}

/** The names of the queue's models. */
export function modelNames(): string[] {
  return shipped().flatMap((line) => {
    const [, sort, name] = BLOCK.exec(line) ?? [];
    return sort === "model" && name !== undefined ? [name] : [];
  });
}

function readVariant(text: string): Variant {
  const schema = schemasIn(text)[0];
  const prefix = prefixIn(text);
  const hidden: string[] = [];
  const relations = new Map<string, string[]>();
  for (const { name, line } of linesOf(text)) {
    if (name !== undefined && line.trim() === "@@ignore") hidden.push(name);
    if (name !== undefined && isRelation(line)) relations.set(name, [...(relations.get(name) ?? []), line]);
  }
  const tables = {
    ...(schema === undefined ? {} : { schema }),
    ...(prefix === "procrastinate_" ? {} : { prefix }),
  };
  return { tables, hidden, relations };
}

function essence(text: string): string[] {
  const schemas = schemasIn(text);
  const prefix = prefixIn(text);
  const blocks = linesOf(text).filter(({ line }) => /^(model|enum)\s/.test(line)).length;
  const isUniform = schemas.length === 0 || (schemas.length === blocks && new Set(schemas).size === 1);
  return linesOf(text)
    .filter(({ name, line }) => !isStamp(line) && !(name !== undefined && isRelation(line)))
    .map(({ line }) => line.trim().replace(/\s+/g, " "))
    .filter((line) => line !== "" && line !== "@@ignore" && !(isUniform && line.startsWith("@@schema(")))
    .map((line) => line.replaceAll(`"${prefix}`, () => '"procrastinate_'));
}

function schemasIn(text: string): string[] {
  return [...text.matchAll(/^\s*@@schema\("([^"]*)"\)/gm)].map(([, schema]) => schema ?? "");
}

function prefixIn(text: string): string {
  return /@@map\("([^"]+)job_status"\)/.exec(text)?.[1] ?? "procrastinate_";
}

/** The lines of a text, each with the queue's model that it is in. */
function linesOf(text: string): { readonly name: string | undefined; readonly line: string }[] {
  let name: string | undefined;
  return text.split(/\r?\n/).map((line) => {
    const [, sort, opened] = /^(model|enum)\s+(\w+)\s*\{/.exec(line) ?? [];
    if (opened !== undefined) name = sort === "model" ? opened : undefined;
    else if (line.startsWith("}")) name = undefined;
    return { name, line };
  });
}

/** A field of one of the app's own models. The queue's models have none. */
function isRelation(line: string): boolean {
  const type = /^\s+\w+\s+([A-Z]\w*)(?:\[\]|\?)?(?:\s|$)/.exec(line)?.[1];
  return type !== undefined && !SCALARS.includes(type) && !type.startsWith("Procrastinate");
}
