import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";

const APP = `
import { PrismaPg } from "@prisma/adapter-pg";
import { createApp, defineTask } from "procrastinate";
import { prismaConnector } from "procrastinate/prisma";
import greet from "greeting";
import { Prisma, PrismaClient } from "./generated/client.ts";
console.log("a default import is", typeof greet);
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env["DATABASE_URL"] }) });
const find = defineTask({
  name: "find",
  run: async () => {
    await prisma.procrastinateJob.findUniqueOrThrow({ where: { id: -1n } }).catch((error: unknown) => {
      console.log(error instanceof Prisma.PrismaClientKnownRequestError ? error.code : error);
    });
  },
});
export const app = createApp({ connector: prismaConnector(prisma), tasks: [find] });
`;
const GENERATED = fileURLToPath(new URL("../support/prisma/generated/client", import.meta.url));

let folder: AppFolder;
let database: TestDatabase;
beforeAll(async () => {
  folder = createAppFolder({});
  folder.write("src/app.ts", APP);
  cpSync(GENERATED, join(folder.path, "src/generated"), { recursive: true });
  database = await createTestDatabase();
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const cli = (...args: string[]) =>
  folder.run("procrastinate/dist/src/cli/main.js", [...args, "--app", "src/app.ts"], { DATABASE_URL: database.url });

test.each([
  ["ES modules", "module", "object"],
  ["CommonJS", "commonjs", "function"],
])("a TypeScript app of %s on Prisma runs under the command line as elsewhere", async (_kind, type, imported) => {
  folder.write("package.json", JSON.stringify({ name: "app", private: true, type }));
  // As tsc compiles an `export default`.
  folder.write("node_modules/greeting/package.json", JSON.stringify({ name: "greeting", main: "index.js" }));
  folder.write(
    "node_modules/greeting/index.js",
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = () => "hello";',
  );
  expect(await cli("defer", "find")).toMatchObject({ code: 0 });
  const { code, output } = await cli("worker", "--one-shot");
  expect(output).toContain(`a default import is ${imported}\n`);
  expect(output).toContain("P2025");
  expect(code).toBe(0);
});

test("the command line tells missing tables from a missing database, also through Prisma", async () => {
  await runSql(database.url, "drop schema public cascade; create schema public");
  const { code, output } = await cli("jobs", "list");
  expect(output).toContain("procrastinate_jobs");
  expect(code).toBe(3);
});
