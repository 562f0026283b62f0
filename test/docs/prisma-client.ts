import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { AppFolder } from "../support/app-folder.ts";
import { PRISMA_ENVIRONMENT } from "../support/prisma/app-on-prisma.ts";
import { findBlocks, type Page } from "./markdown.ts";

/** Generates the client of the quick start's models, and puts it into the folders whose snippets import it. */
export async function generateClient(folder: AppFolder, readme: Page, into: readonly string[]): Promise<void> {
  const [models] = findBlocks(readme).filter(({ language }) => language === "prisma");
  folder.write("models/prisma/schema/schema.prisma", models?.code ?? "");
  const shipped = join(folder.path, "node_modules/procrastinate/prisma/procrastinate.prisma");
  cpSync(shipped, join(folder.path, "models/prisma/schema/procrastinate.prisma"));
  const generate = ["generate", "--schema", "models/prisma/schema"];
  const { code, output } = await folder.run("prisma/build/index.js", generate, PRISMA_ENVIRONMENT);
  expect(code, output).toBe(0);
  for (const app of into) {
    cpSync(join(folder.path, "models/src/generated"), join(folder.path, app, "src/generated"), { recursive: true });
  }
}
