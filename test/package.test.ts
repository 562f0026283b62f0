import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const built = mkdtempSync(join(tmpdir(), "procrastinate-build-"));

afterAll(() => rmSync(built, { recursive: true }));

test("the package exports and runs only files that a build makes or that are there", () => {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const options = { cwd: ROOT, encoding: "utf8" } as const;
  const build = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", built], options);
  expect(build.stdout).toBe("");
  const { exports, bin, files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const targets = [exports, bin].flatMap(leaves);
  expect(targets.length).toBeGreaterThan(3);
  expect(targets.filter((target) => !isThere(target))).toEqual([]);
  expect(leaves(files).filter((file) => file !== "dist" && !existsSync(join(ROOT, file)))).toEqual([]);
});

/** Of a pattern, `./migrations/*.sql`, the folder must be there. */
function isThere(target: string): boolean {
  const path = target.startsWith("./dist/") ? join(built, target.slice("./dist/".length)) : join(ROOT, target);
  return existsSync(path.includes("*") ? dirname(path) : path);
}

/** The strings in a value, however deep. */
function leaves(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
}
