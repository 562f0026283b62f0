import { basename } from "node:path";
import { prismaExtraCommands } from "../../schema/migration-commands.ts";
import type { TableOptions } from "../../sql/statement.ts";

/** What to do after `schema add --orm prisma`. */
export function prismaSteps(tables: TableOptions): string[] {
  const { schema, prefix = "procrastinate_" } = tables;
  return [
    "  npx prisma migrate dev --name procrastinate",
    "  npx prisma generate",
    "",
    "Prisma cannot say CHECK constraints, which guard the tables, and storage parameters. Put them into a migration of their own:",
    ...prismaExtraCommands({ schema, prefix }).map((command) => `  ${command}`),
    ...appSteps(tables),
  ];
}

/** What to do after `schema add --orm drizzle`. */
export function drizzleSteps(file: string, tables: TableOptions): string[] {
  return [
    `  Export it from your Drizzle schema: export * from "./${basename(file)}"; or add "./${file}" to schema in drizzle.config.ts.`,
    ...(tables.schema === undefined || tables.schema === "public"
      ? []
      : [
          `  For drizzle-kit push and pull: schemaFilter: ["public", ${JSON.stringify(tables.schema)}] in drizzle.config.ts.`,
        ]),
    "  npx drizzle-kit generate",
    "  npx drizzle-kit migrate",
    ...appSteps(tables),
  ];
}

function appSteps(tables: TableOptions): string[] {
  const given = Object.entries(tables).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return given.length === 0 ? [] : ["", `Tell the app the same: createApp({ tables: { ${given.join(", ")} } })`];
}
