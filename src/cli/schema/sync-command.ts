import type { Command } from "commander";
import { SchemaFileError } from "../../errors.ts";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import type { CommandContext } from "../command-context.ts";
import { addFlag, addOption } from "../options.ts";
import { type FoundFile, findFile } from "./find-file.ts";
import { judgeFile } from "./schema-file.ts";
import { replaceFile } from "./write-file.ts";

/** `procrastinate schema sync`: upgrades the file that `schema add` wrote. */
export function addSyncCommand(schema: Command, context: CommandContext): void {
  const command = schema
    .command("sync")
    .description("upgrade the file that schema add wrote to this package's version");
  addOption(command, "--path <path>", "the file; for Prisma also the folder of the schema");
  addFlag(command, "--force", "overwrite a file that was edited by hand");
  command.action(async () => {
    const { path, force = false } = command.opts<{ path?: string; force?: boolean }>();
    sync(await findFile(context.folder, path), force, context);
  });
}

function sync({ kind, path, shown, text }: FoundFile, isForced: boolean, { print }: CommandContext): void {
  const found = judgeFile(kind, text);
  switch (found.state) {
    case "current":
      print(`${shown} is as it should be (schema version ${SCHEMA_VERSION}).`);
      return;
    case "newer":
      throw new SchemaFileError(
        `${shown} is of schema version ${found.version}, written by a newer procrastinate; this one knows ${SCHEMA_VERSION}. ` +
          "Update the package: npm install procrastinate@latest.",
      );
    case "edited":
      if (!isForced) throw new SchemaFileError(refusal(shown, found.differences));
      break;
    case "outdated":
      break;
    default:
      found satisfies never;
  }
  replaceFile(path, shown, found.text);
  print(`Wrote ${shown} (schema version ${SCHEMA_VERSION}).`);
  const generate =
    kind.orm === "prisma"
      ? `npx prisma migrate dev --name procrastinate_${SCHEMA_VERSION}`
      : "npx drizzle-kit generate";
  print(`Next: ${generate}`);
}

/** Enough to see what it is about. */
const MAX_DIFFERENCES = 20;

function refusal(shown: string, differences: readonly string[]): string {
  const more =
    differences.length > MAX_DIFFERENCES ? [`  … and ${differences.length - MAX_DIFFERENCES} lines more`] : [];
  return [
    `${shown} was edited by hand beyond what schema sync can keep, and is left as it is. Lines of the file (-) and of this package (+):`,
    ...differences.slice(0, MAX_DIFFERENCES).map((line) => `  ${line}`),
    ...more,
    "Take your changes back, or overwrite them: npx procrastinate schema sync --force.",
  ].join("\n");
}
