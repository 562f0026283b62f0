import type { Command } from "commander";
import { SchemaMismatchError } from "../../errors.ts";
import type { TablesReport } from "../../index.ts";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import type { CommandContext } from "../command-context.ts";
import { addFlag, addOption } from "../options.ts";
import { type FoundFile, findFiles, hasTablesOfPackage } from "./find-file.ts";
import { findPrismaFolder } from "./prisma-config.ts";
import { readPrismaFolder } from "./prisma-folder.ts";
import { judgeFile } from "./schema-file.ts";

/** What is wrong, and what mends it. */
interface Result {
  readonly lines: readonly string[];
  readonly isOk: boolean;
  readonly commands: readonly string[];
}

/** `procrastinate schema check`: compares the package, the app's schema file and the database. */
export function addCheckCommand(schema: Command, context: CommandContext): void {
  const command = schema.command("check").description("compare the package, the app's schema file and the database");
  addOption(command, "--path <path>", "the file that schema add wrote; for Prisma also the folder of the schema");
  addFlag(command, "--database", "look at the database, by the connector of the app");
  command.action(async () => {
    const { path, database = true } = command.opts<{ path?: string; database?: boolean }>();
    const app = database ? await context.loadApp() : undefined;
    const files = await findFiles(context.folder, path);
    const report = await app?.checkTables();
    const isOfPrisma = report ? report.connector === "prisma" : await isPrismaApp(context.folder);
    const results = [checkFiles(files, isOfPrisma), ...(report === undefined ? [] : [checkDatabase(report)])];
    context.print(`Package: schema version ${SCHEMA_VERSION}`);
    for (const line of results.flatMap(({ lines }) => lines)) context.print(line);
    if (!database) context.print("Database: not looked at");
    if (results.every(({ isOk }) => isOk)) return;
    const commands = [...new Set(results.flatMap(({ commands }) => commands))];
    throw new SchemaMismatchError(
      [
        "The queue's schema is not as it should be.",
        ...(commands.length === 0 ? [] : ["Run:"]),
        ...commands.map((each) => `  ${each}`),
      ].join("\n"),
    );
  });
}

/** Where the database is not asked: an app with a Prisma schema, and no tables of Drizzle instead. */
async function isPrismaApp(appFolder: string): Promise<boolean> {
  return (await findPrismaFolder(appFolder)) !== undefined && !hasTablesOfPackage(appFolder);
}

function checkFiles(files: readonly FoundFile[], isOfPrisma: boolean): Result {
  if (files.length > 0) {
    const results = files.map(checkFile);
    const several = "Schema file: more than one; leave one of them, or say which: --path";
    return {
      lines: [...results.flatMap(({ lines }) => lines), ...(files.length === 1 ? [] : [several])],
      isOk: files.length === 1 && results.every(({ isOk }) => isOk),
      commands: results.flatMap(({ commands }) => commands),
    };
  }
  if (isOfPrisma) {
    const lines = ["Schema file: missing: the Prisma schema does not declare the queue's models"];
    return { lines, isOk: false, commands: ["npx procrastinate schema add --orm prisma"] };
  }
  return {
    lines: ["Schema file: none (none is needed where the app exports procrastinate/drizzle/schema)"],
    isOk: true,
    commands: [],
  };
}

function checkFile({ kind, folder, shown, text }: FoundFile): Result {
  const problem = kind.orm === "prisma" ? readPrismaFolder(folder).problem : undefined;
  if (problem !== undefined) return { lines: [`Schema file ${shown}: ${problem}`], isOk: false, commands: [] };
  const found = judgeFile(kind, text);
  const sync = "npx procrastinate schema sync";
  switch (found.state) {
    case "current":
      return { lines: [`Schema file ${shown}: OK`], isOk: true, commands: [] };
    case "outdated":
      return { lines: [`Schema file ${shown}: of schema version ${found.version}`], isOk: false, commands: [sync] };
    case "newer":
      return {
        lines: [`Schema file ${shown}: of schema version ${found.version}, newer than this package`],
        isOk: false,
        commands: ["npm install procrastinate@latest"],
      };
    case "edited":
      return {
        lines: [
          `Schema file ${shown}: edited by hand; its lines (-), the package's (+)`,
          ...found.differences.map((line) => `  ${line}`),
          `  Take the changes back, or overwrite them: ${sync} --force`,
        ],
        isOk: false,
        commands: [],
      };
    default:
      return found satisfies never;
  }
}

function checkDatabase({ tablesVersion, ok, findings, commands }: TablesReport): Result {
  const version = tablesVersion === undefined ? "no tables" : `schema version ${tablesVersion}`;
  const lines = findings.map(
    ({ kind, object, message }) => `  ${kind}: ${object}${message === "" ? "" : `: ${message}`}`,
  );
  return { lines: [`Database: ${version}${ok ? ", OK" : ""}`, ...lines], isOk: ok, commands };
}
