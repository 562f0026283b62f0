import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SchemaFileError } from "../../errors.ts";
import { hasQueueModels } from "./prisma-file.ts";

/** A file of the app's Prisma schema. */
interface PrismaSource {
  readonly path: string;
  readonly text: string;
}

interface Block {
  readonly path: string;
  readonly sort: string;
  readonly name: string;
  readonly body: string;
}

/** What the app's own files say that the queue's models depend on. */
export interface PrismaFolder {
  /** The files that declare the queue's models. */
  readonly queueFiles: readonly string[];
  /** The Postgres schemas of the datasource; undefined where it names none, and models must not either. */
  readonly schemas: readonly string[] | undefined;
  /** Why the queue's models cannot be in this folder as it is, with the fix. */
  readonly problem: string | undefined;
}

/** Reads all files of a Prisma schema. */
export function readPrismaFolder(folder: string): PrismaFolder {
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".prisma"))
    .sort()
    .map((name): PrismaSource => ({ path: join(folder, name), text: readFileSync(join(folder, name), "utf8") }));
  const blocks = sources.flatMap(blocksOf);
  const datasource = blocks.find(({ sort }) => sort === "datasource");
  return {
    queueFiles: sources.filter(({ text }) => hasQueueModels(text)).map(({ path }) => path),
    schemas: listIn(datasource, "schemas"),
    problem: findProblem(folder, blocks, datasource),
  };
}

/** @throws SchemaFileError when models in this Postgres schema do not go with the datasource. */
export function checkPostgresSchema({ schemas }: PrismaFolder, schema: string | undefined): void {
  if (schemas === undefined && schema !== undefined) {
    throw new SchemaFileError(
      `--schema ${schema}: the datasource of your Prisma schema has no list of schemas. Add it, schemas = ["public", "${schema}"], ` +
        "and @@schema(…) to each model and enum of yours, and run this again.",
    );
  }
  if (schemas === undefined || (schema !== undefined && schemas.includes(schema))) return;
  const list = schemas.map((each) => `"${each}"`).join(", ");
  throw new SchemaFileError(
    schema === undefined
      ? `The datasource of your Prisma schema has schemas = [${list}], so that each model needs its own. Say which: --schema ${schemas[0]}.`
      : `--schema ${schema}: the datasource of your Prisma schema has schemas = [${list}]. Add "${schema}" to it, and run this again.`,
  );
}

function findProblem(folder: string, blocks: readonly Block[], datasource: Block | undefined): string | undefined {
  const generators = blocks.filter(({ sort }) => sort === "generator");
  if (datasource === undefined || generators.length === 0) {
    return `${folder} has no ${datasource ? "generator" : "datasource"} in any .prisma file. Give the folder of your Prisma schema: --path prisma/schema.`;
  }
  const provider = /^\s*provider\s*=\s*"([^"]*)"/m.exec(datasource.body)?.[1];
  if (provider !== "postgresql" && provider !== "postgres") {
    return `${datasource.path}: the datasource is for ${provider ?? "nothing"}. The queue needs provider = "postgresql".`;
  }
  if (generators.some((generator) => listIn(generator, "previewFeatures")?.includes("partialIndexes")))
    return undefined;
  const [{ path, name, body }] = generators as [Block];
  const fix = listIn(generators[0], "previewFeatures") === undefined ? "Add it" : "Add it to the list";
  const all = [...(/previewFeatures\s*=\s*\[([^\]]*)\]/.exec(body)?.[1]?.match(/"\w+"/g) ?? []), '"partialIndexes"'];
  return (
    `${path}: generator ${name} lacks the preview feature partialIndexes, without which Prisma refuses the queue's ` +
    `indexes. ${fix}: previewFeatures = [${all.join(", ")}].`
  );
}

/** Without comments, in which braces may stand. */
function blocksOf({ path, text }: PrismaSource): Block[] {
  const code = text.replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/^\s*(generator|datasource)\s+(\w+)\s*\{([^}]*)\}/gm)].map(
    ([, sort = "", name = "", body = ""]) => ({ path, sort, name, body }),
  );
}

function listIn(block: Block | undefined, name: string): string[] | undefined {
  const list = new RegExp(`^\\s*${name}\\s*=\\s*\\[([^\\]]*)\\]`, "m").exec(block?.body ?? "")?.[1];
  return list === undefined ? undefined : [...list.matchAll(/"([^"]*)"/g)].map(([, value]) => value ?? "");
}
