// Makes the Prisma clients of the tests, the example and the bench, as `prisma generate` does in an app. npm runs it after an
// installation of this repository; packages do not.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PRISMA = findPrisma();
const ENGINE = join(ROOT, "test/support/prisma/schema-engine.mjs");
const TESTS = join(ROOT, "test/support/prisma/generated/schema");

// Without the dependencies for development there is nothing to generate for.
if (PRISMA === undefined) process.exit();

mkdirSync(TESTS, { recursive: true });
cpSync(join(ROOT, "test/support/prisma/app.prisma"), join(TESTS, "app.prisma"));
cpSync(join(ROOT, "prisma/procrastinate.prisma"), join(TESTS, "procrastinate.prisma"));

for (const schema of [
  TESTS,
  join(ROOT, "examples/prisma-orders/prisma/schema"),
  join(ROOT, "bench/prisma/schema.prisma"),
]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PRISMA, "generate", "--schema", schema], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: ENGINE, CHECKPOINT_DISABLE: "1" },
  });
  if (status !== 0) throw new Error(`prisma generate --schema ${schema}: ${stdout}${stderr}`);
}

function findPrisma() {
  try {
    return createRequire(import.meta.url).resolve("prisma/build/index.js");
  } catch {
    return undefined;
  }
}
