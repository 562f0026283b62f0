import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import { InvalidOptionError, SchemaFileError } from "../../errors.ts";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import type { TableOptions } from "../../sql/statement.ts";
import type { CommandContext } from "../command-context.ts";
import { addFlag, addOption } from "../options.ts";
import { DRIZZLE_FILE } from "./drizzle-file.ts";
import { drizzleSteps, prismaSteps } from "./next-steps.ts";
import { findFolderOf, findPrismaFolder } from "./prisma-config.ts";
import { modelNames, PRISMA_FILE } from "./prisma-file.ts";
import { checkPostgresSchema, readPrismaFolder } from "./prisma-folder.ts";
import type { SchemaFileKind, Variant } from "./schema-file.ts";
import { addTableOptions, checkWritable, tableOptionsOf } from "./table-options.ts";
import { replaceFile, writeNewFile } from "./write-file.ts";

interface AddOptions {
  readonly orm: "prisma" | "drizzle";
  readonly path?: string;
  readonly ignore?: boolean;
}

/** Where a file goes, and what it says. */
interface Plan {
  readonly kind: SchemaFileKind;
  readonly path: string;
  readonly variant: Variant;
  readonly steps: readonly string[];
}

/** `procrastinate schema add`: puts the queue's tables into the app's ORM schema, as a file of their own. */
export function addAddCommand(schema: Command, context: CommandContext): void {
  const command = schema.command("add").description("put the queue's tables into the app's ORM schema");
  command.addOption(
    new Option("--orm <orm>", "the ORM of the app")
      .choices(["prisma", "drizzle"])
      .env("PROCRASTINATE_SCHEMA_ADD_ORM")
      .makeOptionMandatory(),
  );
  addOption(command, "--path <path>", "the file to write; for Prisma also the folder of the schema");
  addTableOptions(command);
  addFlag(command, "--ignore", "Prisma: keep the models out of the client, by @@ignore");
  command.action(async () => {
    const { orm, path, ignore = false } = command.opts<AddOptions>();
    const tables = tableOptionsOf(command);
    checkWritable(tables);
    const plan =
      orm === "prisma"
        ? await planPrisma(context.folder, path, tables, ignore)
        : planDrizzle(context.folder, path, tables, ignore);
    writeNew(plan, relative(context.folder, plan.path), context);
  });
}

async function planPrisma(
  appFolder: string,
  path: string | undefined,
  tables: TableOptions,
  isHidden: boolean,
): Promise<Plan> {
  const given = path === undefined ? await findPrismaFolder(appFolder) : resolve(appFolder, path);
  if (given === undefined) {
    throw new SchemaFileError(
      "No Prisma schema was found: no prisma.config.ts that names one, no prisma.schema in package.json, no folder " +
        "prisma/schema. Run this where your package.json is, or give the folder of your Prisma schema: --path prisma/schema.",
    );
  }
  const file = given.endsWith(".prisma") ? given : join(given, "procrastinate.prisma");
  requireFolder(dirname(file), path);
  const folder = readPrismaFolder(await findFolderOf(appFolder, file));
  if (folder.problem !== undefined) throw new SchemaFileError(`${folder.problem} Then run this again.`);
  checkPostgresSchema(folder, tables.schema);
  const elsewhere = folder.queueFiles.find((each) => each !== file);
  if (elsewhere !== undefined) {
    const shown = relative(appFolder, elsewhere);
    throw new SchemaFileError(
      `The queue's models are in ${shown} already. Upgrade them: npx procrastinate schema sync.`,
    );
  }
  const variant = { tables, hidden: isHidden ? modelNames() : [], relations: new Map() };
  return { kind: PRISMA_FILE, path: file, variant, steps: prismaSteps(tables) };
}

function planDrizzle(appFolder: string, path: string | undefined, tables: TableOptions, isHidden: boolean): Plan {
  if (isHidden)
    throw new InvalidOptionError("--ignore", true, "is for Prisma: Drizzle has no client to keep tables out of.");
  if (path === undefined) {
    throw new InvalidOptionError(
      "--path",
      path,
      "is no path. Say which file to write: --path src/procrastinate-schema.ts.",
    );
  }
  const file = resolve(appFolder, path);
  if (!/(?<!\.d)\.[cm]?[jt]s$/.test(basename(file))) {
    throw new InvalidOptionError(
      "--path",
      path,
      "is no file of TypeScript or JavaScript: --path src/procrastinate-schema.ts.",
    );
  }
  requireFolder(dirname(file), path);
  const variant = { tables, hidden: [], relations: new Map() };
  return { kind: DRIZZLE_FILE, path: file, variant, steps: drizzleSteps(relative(appFolder, file), tables) };
}

function requireFolder(folder: string, path: string | undefined): void {
  if (existsSync(folder) && statSync(folder).isDirectory()) return;
  throw new InvalidOptionError(
    "--path",
    path,
    `is in no folder that exists. Make the folder first, or give another path.`,
  );
}

function writeNew({ kind, path, variant, steps }: Plan, shown: string, { print }: CommandContext): void {
  const text = kind.write(variant);
  const there = textAt(path, shown);
  if (there === text) {
    print(`${shown} is there already, as it should be (schema version ${SCHEMA_VERSION}).`);
  } else {
    if (there === undefined) writeNewFile(path, shown, text);
    // Emptied, by a merge or by hand: nothing is lost, and no other command would mend it.
    else if (there.trim() === "") replaceFile(path, shown, text);
    else {
      throw new SchemaFileError(
        `${shown} is there already, and differs from what would be written. Bring it up to date: npx procrastinate schema sync; ` +
          "or give another file: --path.",
      );
    }
    print(`Wrote ${shown} (schema version ${SCHEMA_VERSION}).`);
  }
  for (const line of ["", "Next:", ...steps]) print(line);
}

function textAt(path: string, shown: string): string | undefined {
  if (!existsSync(path)) return undefined;
  if (!statSync(path).isFile()) throw new SchemaFileError(`${shown} is not a file. Give another path: --path.`);
  return readFileSync(path, "utf8");
}
