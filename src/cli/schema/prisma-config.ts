import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { SchemaFileError } from "../../errors.ts";
import { typescriptLoader } from "../typescript-loader.ts";

const EXTENSIONS = [".js", ".ts", ".mjs", ".cjs", ".mts", ".cts"];
/** In Prisma's own order. */
const CONFIG_FILES = ["prisma7.config", ".config/prisma7", "prisma.config", ".config/prisma", ".config/prisma.config"];
const GIVE_PATH = "give the folder of your Prisma schema: --path prisma/schema";

/**
 * Finds the folder of an app's Prisma schema, where Prisma itself looks for it.
 *
 * @returns undefined where the app has no Prisma schema.
 * @throws SchemaFileError when the schema is one file, the config cannot be loaded, or what it names is not there.
 */
export async function findPrismaFolder(appFolder: string): Promise<string | undefined> {
  const said = (await readConfig(appFolder)) ?? readPackageJson(appFolder);
  if (said !== undefined) return checkFolder(appFolder, said.path, said.where);
  for (const file of ["prisma/schema.prisma", "schema.prisma"]) {
    if (existsSync(join(appFolder, file))) return checkFolder(appFolder, join(appFolder, file), file);
  }
  const folder = join(appFolder, "prisma/schema");
  return existsSync(folder) && statSync(folder).isDirectory() ? folder : undefined;
}

/** The folder of the schema that a file given by its path is part of: it may be in one below. */
export async function findFolderOf(appFolder: string, file: string): Promise<string> {
  // Whoever gives a path may do so because nothing else leads there.
  const folder = await findPrismaFolder(appFolder).catch(() => undefined);
  return folder !== undefined && !relative(folder, file).startsWith("..") ? folder : dirname(file);
}

interface Said {
  readonly path: string;
  /** Who said it, for messages. */
  readonly where: string;
}

async function readConfig(appFolder: string): Promise<Said | undefined> {
  const names = CONFIG_FILES.flatMap((name) => EXTENSIONS.map((extension) => `${name}${extension}`));
  const name = names.find((each) => existsSync(join(appFolder, each)));
  if (name === undefined) return undefined;
  const file = join(appFolder, name);
  let config: { readonly schema?: unknown };
  try {
    config = (await typescriptLoader(file).import<typeof config>(file, { default: true })) ?? {};
  } catch (cause) {
    throw new SchemaFileError(`${name} could not be loaded. Mend it, or ${GIVE_PATH}.`, { cause });
  }
  return typeof config.schema === "string"
    ? { path: resolve(dirname(file), config.schema), where: `schema in ${name}` }
    : undefined;
}

function readPackageJson(appFolder: string): Said | undefined {
  const file = join(appFolder, "package.json");
  if (!existsSync(file)) return undefined;
  const { prisma } = parsePackageJson(file);
  return typeof prisma?.schema === "string"
    ? { path: resolve(appFolder, prisma.schema), where: "prisma.schema in package.json" }
    : undefined;
}

function parsePackageJson(file: string): { readonly prisma?: { readonly schema?: unknown } } {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ReturnType<typeof parsePackageJson>;
  } catch (cause) {
    throw new SchemaFileError(`package.json could not be read. Mend it, or ${GIVE_PATH}.`, { cause });
  }
}

function checkFolder(appFolder: string, path: string, where: string): string {
  const shown = relative(appFolder, path) || ".";
  if (!existsSync(path)) {
    throw new SchemaFileError(`${where}: ${shown} does not exist. Mend it, or ${GIVE_PATH}.`);
  }
  if (statSync(path).isDirectory()) return path;
  const folder = relative(appFolder, dirname(path)) || ".";
  throw new SchemaFileError(
    `${where}: the Prisma schema is the one file ${shown}, and the queue's models are a second one. Prisma reads several ` +
      `from a folder: set schema: "${folder}" in prisma.config.ts, and run this again.`,
  );
}
