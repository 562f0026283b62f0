import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLE = join(ROOT, "examples/drizzle-orders");
/** What a team would copy. The demo is for this repository. */
const FILES = ["package.json", "tsconfig.json", "drizzle.config.ts", "migrations", "src"];

const project = mkdtempSync(join(tmpdir(), "procrastinate-example-"));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function run(binary: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "node_modules", binary), ...args], {
    cwd,
    encoding: "utf8",
  });
  expect(`${stdout}${stderr}`.trim()).not.toMatch(/error/i);
  expect(status).toBe(0);
  return stdout;
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

// As npm would: the built package as itself, everything else from where it is installed already.
beforeAll(() => {
  const modules = join(project, "node_modules");
  const installed = join(modules, "procrastinate");
  run("typescript/bin/tsc", ["-p", "tsconfig.build.json", "--outDir", join(installed, "dist")], ROOT);
  cpSync(join(ROOT, "package.json"), join(installed, "package.json"));
  for (const file of FILES) cpSync(join(EXAMPLE, file), join(project, file), { recursive: true });
  const { dependencies, devDependencies } = manifestIn(EXAMPLE);
  const names = Object.keys({ ...dependencies, ...devDependencies, ...manifestIn(ROOT).dependencies });
  for (const name of names.filter((name) => name !== "procrastinate")) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
});

afterAll(() => rmSync(project, { recursive: true }));

test("the example type-checks as a project of its own, with the built package", () => {
  expect(run("typescript/bin/tsc", ["--noEmit"], project)).toBe("");
});

test("the example's migrations are current: drizzle-kit generate finds nothing to do", () => {
  const before = readdirSync(join(project, "migrations"), { recursive: true });
  expect(run("drizzle-kit/bin.cjs", ["generate"], project)).toContain("No schema changes");
  expect(readdirSync(join(project, "migrations"), { recursive: true })).toEqual(before);
});
