import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installPackage } from "../support/app-folder.ts";
import { createTestDatabase } from "../support/database.ts";
import { PRISMA_ENVIRONMENT } from "../support/prisma/app-on-prisma.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Prisma's command line takes two seconds per call where nothing else runs. */
const TIMEOUT_MS = 60_000;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** A copy of an example as a project of its own, without what is for this repository only. */
function copyExample(example: string): string {
  const project = mkdtempSync(join(tmpdir(), "procrastinate-example-"));
  const folder = join(ROOT, "examples", example);
  for (const file of readdirSync(folder).filter((name) => name !== "demo")) {
    const isSource = (path: string) => !path.includes("generated");
    cpSync(join(folder, file), join(project, file), { recursive: true, filter: isSource });
  }
  // As npm would: the built package as itself, everything else from where it is installed already.
  const modules = join(project, "node_modules");
  installPackage(join(modules, "procrastinate"));
  const { dependencies, devDependencies } = manifestIn(folder);
  const names = Object.keys({ ...dependencies, ...devDependencies, ...manifestIn(ROOT).dependencies });
  for (const name of names.filter((name) => name !== "procrastinate")) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  return project;
}

function run(binary: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "node_modules", binary), ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  expect(`${stdout}${stderr}`.trim()).not.toMatch(/error/i);
  expect(status).toBe(0);
  return stdout;
}

describe("the example on Drizzle", () => {
  let project: string;
  beforeAll(() => {
    project = copyExample("drizzle-orders");
  });
  afterAll(() => rmSync(project, { recursive: true }));

  test("type-checks as a project of its own, with the built package", () => {
    expect(run("typescript/bin/tsc", ["--noEmit"], project)).toBe("");
  });

  test("has migrations that are current: drizzle-kit generate finds nothing to do", () => {
    const before = readdirSync(join(project, "migrations"), { recursive: true });
    expect(run("drizzle-kit/bin.cjs", ["generate"], project)).toContain("No schema changes");
    expect(readdirSync(join(project, "migrations"), { recursive: true })).toEqual(before);
  });
});

describe("the example on Prisma", () => {
  let project: string;
  const prisma = (args: readonly string[], url = "postgresql://localhost/none") =>
    run("prisma/build/index.js", args, project, { ...PRISMA_ENVIRONMENT, DATABASE_URL: url });
  beforeAll(() => {
    project = copyExample("prisma-orders");
    prisma(["generate"]);
  }, TIMEOUT_MS);
  afterAll(() => rmSync(project, { recursive: true }));

  test("type-checks as a project of its own, with the built package", () => {
    expect(run("typescript/bin/tsc", ["--noEmit"], project)).toBe("");
  });

  test("has the shipped tables, with the other side of its relation and nothing else", () => {
    const lines = (path: string) => readFileSync(path, "utf8").split("\n");
    const shipped = lines(join(ROOT, "prisma/procrastinate.prisma"));
    const copied = lines(join(project, "prisma/schema/procrastinate.prisma"));
    expect(copied.filter((line) => !shipped.includes(line))).toEqual([expect.stringMatching(/^ {2}order +Order\?$/)]);
    expect(copied).toHaveLength(shipped.length + 1);
  });

  test("has migrations that are current: prisma migrate dev finds nothing to do", { timeout: TIMEOUT_MS }, async () => {
    const database = await createTestDatabase({ empty: true });
    try {
      const before = readdirSync(join(project, "prisma/migrations"), { recursive: true });
      expect(prisma(["migrate", "deploy"], database.url)).toContain("successfully applied");
      expect(prisma(["migrate", "dev", "--name", "more"], database.url)).toContain("Already in sync");
      expect(readdirSync(join(project, "prisma/migrations"), { recursive: true })).toEqual(before);
    } finally {
      await database.drop();
    }
  });
});
