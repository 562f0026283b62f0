import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { SchemaFileError } from "../../errors.ts";
import { DRIZZLE_FILE, exportsTables, hasQueueTables } from "./drizzle-file.ts";
import { findFolderOf, findPrismaFolder } from "./prisma-config.ts";
import { hasQueueModels, PRISMA_FILE } from "./prisma-file.ts";
import { readPrismaFolder } from "./prisma-folder.ts";
import { readStampedVersion, type SchemaFileKind } from "./schema-file.ts";

/** A file of the app that has the queue's tables for its ORM. */
export interface FoundFile {
  readonly kind: SchemaFileKind;
  readonly path: string;
  /** The folder of the whole schema; for Drizzle that of the file. */
  readonly folder: string;
  /** As a message names it: from the app's folder. */
  readonly shown: string;
  readonly text: string;
}

/**
 * Finds what `schema add` wrote, or a copy of the package's Prisma file.
 *
 * @param path Where to look instead: the file, or the folder of a Prisma schema.
 * @throws SchemaFileError when `path` names nothing, or the Prisma schema cannot be found where its config says.
 */
export async function findFiles(appFolder: string, path: string | undefined): Promise<FoundFile[]> {
  const found = (kind: SchemaFileKind, file: string, folder = dirname(file)): FoundFile => ({
    kind,
    path: file,
    folder,
    shown: relative(appFolder, file),
    // Some editors of Windows begin a file with a byte order mark.
    text: readFileSync(file, "utf8").replace(/^\uFEFF/, ""),
  });
  const inFolder = (folder: string): FoundFile[] =>
    readPrismaFolder(folder).queueFiles.map((file) => found(PRISMA_FILE, file, folder));
  if (path !== undefined) {
    const given = resolve(appFolder, path);
    if (!existsSync(given))
      throw new SchemaFileError(`--path ${path} does not exist. Give the file that schema add wrote.`);
    if (statSync(given).isDirectory()) return inFolder(given);
    const isPrisma = given.endsWith(".prisma");
    const file = isPrisma
      ? found(PRISMA_FILE, given, await findFolderOf(appFolder, given))
      : found(DRIZZLE_FILE, given);
    // Or an option would have any file of the app overwritten.
    if (isPrisma ? hasQueueModels(file.text) : hasQueueTables(file.text)) return [file];
    throw new SchemaFileError(`--path ${path} has nothing of the queue. Give the file that schema add wrote.`);
  }
  const folder = await findPrismaFolder(appFolder);
  const drizzle = sourcesIn(appFolder).filter((file) => isDrizzleFile(readFileSync(file, "utf8")));
  return [...(folder === undefined ? [] : inFolder(folder)), ...drizzle.map((file) => found(DRIZZLE_FILE, file))];
}

/** The one file of the queue. @throws SchemaFileError when there is none, or more than one. */
export async function findFile(appFolder: string, path: string | undefined): Promise<FoundFile> {
  const files = await findFiles(appFolder, path);
  const [file] = files;
  if (file === undefined) {
    throw new SchemaFileError(
      "No file of the queue's tables was found. Write one: npx procrastinate schema add --orm prisma, or --orm drizzle; if " +
        "it is elsewhere, say where: --path. An app that exports procrastinate/drizzle/schema itself needs none.",
    );
  }
  if (files.length === 1) return file;
  throw new SchemaFileError(
    `The queue's tables are in several files: ${files.map(({ shown }) => shown).join(", ")}. Leave one, or say which: --path ${file.shown}.`,
  );
}

/** By the stamp: other files that import from the package are the app's own. */
function isDrizzleFile(text: string): boolean {
  return readStampedVersion(text) !== undefined && text.includes("procrastinate/drizzle");
}

/** Whether a source of the app exports the package's own tables for Drizzle, and needs no file of them. */
export function hasTablesOfPackage(appFolder: string): boolean {
  return sourcesIn(appFolder).some((file) => exportsTables(readFileSync(file, "utf8")));
}

/** The sources of an app, without what is installed, built, hidden, or not for this user to read. */
function sourcesIn(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^\.|^(node_modules|dist|build|coverage)$/.test(entry.name) ? [] : sourcesIn(path);
    return entry.isFile() && /(?<!\.d)\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

/** A folder like the data of a Postgres beside the sources may be closed to this user. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
