import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type AppFolder, createAppFolder } from "../app-folder.ts";
import type { TestDatabase } from "../database.ts";

/** Prisma's command line, as a script of a dependency. */
const PRISMA = "prisma/build/index.js";
/** For all that runs it: the engine from npm, and no look for newer versions. */
export const PRISMA_ENVIRONMENT: Readonly<Record<string, string>> = {
  PRISMA_SCHEMA_ENGINE_BINARY: fileURLToPath(new URL("schema-engine.mjs", import.meta.url)),
  CHECKPOINT_DISABLE: "1",
};

const CONFIG = `
import { defineConfig } from "prisma/config";
export default defineConfig({
  schema: "prisma/schema",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env["DATABASE_URL"] },
});
`;

/** An app whose schema is a folder: its own models, and the package's file as it was copied and changed. */
export interface AppOnPrisma extends AppFolder {
  /** Runs a command of Prisma, which must succeed; gives what it printed. */
  prisma(args: readonly string[], database: TestDatabase): Promise<string>;
}

/**
 * @param schema Its generator, datasource and models.
 * @param change What the team changed in its copy of procrastinate.prisma.
 */
export function createAppOnPrisma(schema: string, change = (text: string) => text): AppOnPrisma {
  const app = createAppFolder({});
  const shipped = readFileSync(join(app.path, "node_modules/procrastinate/prisma/procrastinate.prisma"), "utf8");
  app.write("prisma.config.ts", CONFIG);
  app.write("prisma/schema/schema.prisma", schema);
  app.write("prisma/schema/procrastinate.prisma", change(shipped));
  return {
    ...app,
    async prisma(args, database) {
      const env = { ...PRISMA_ENVIRONMENT, DATABASE_URL: database.url };
      const { code, output } = await app.run(PRISMA, args, env);
      expect(code, output).toBe(0);
      return output;
    },
  };
}

export const GENERATOR = `
generator client {
  provider        = "prisma-client-js"
  output          = "../../client"
  previewFeatures = ["partialIndexes"]
}
`;
