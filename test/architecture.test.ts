import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkCode } from "./support/architecture/code-rules.ts";
import { checkImports } from "./support/architecture/import-rules.ts";
import { readSource, type SourceFile } from "./support/architecture/source-file.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function readProduct(): SourceFile[] {
  return ["src", "drizzle", "prisma"]
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
    )
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .map((path) => readSource(path, readFileSync(join(ROOT, path), "utf8")));
}

function check(sources: Readonly<Record<string, string>>): string[] {
  const files = Object.entries(sources).map(([path, source]) => readSource(path, source));
  return [...checkImports(files), ...checkCode(files)];
}

describe("the product", () => {
  const files = readProduct();

  test("is found", () => {
    expect(files.length).toBeGreaterThan(20);
  });

  test("imports in one direction, without cycles, and each package in its one place", () => {
    expect(checkImports(files)).toEqual([]);
  });

  test("keeps files and functions small, SQL in src/sql, and the world outside behind parameters", () => {
    expect(checkCode(files)).toEqual([]);
  });
});

describe("the rules", () => {
  test("pass what is allowed", () => {
    const sources = {
      "src/errors.ts": "export class ProblemError extends Error {}",
      "src/sql/statement.ts": 'import "../errors.ts"; export const text = "update a set x = 1";',
      "src/defer/defer.ts":
        'export { text } from "../sql/statement.ts"; export const hint = "Select a queue, then set it.";',
      "src/app.ts": 'import "./defer/defer.ts"; export const now = () => Date.now();',
      "src/index.ts": 'export * from "./app.ts";',
      "src/periodic/day.ts": "export const day = (ms: number): Date => new Date(ms);",
      "src/cli/main.ts": 'import { Command } from "commander"; import "../app.ts"; console.log(Command, process.env);',
      "src/driver/listen.ts": "export const text = 1;",
      "src/testing/conformance/case.ts": 'export const text = "select 1 from jobs";',
      "prisma/connector.ts": 'import "pg"; import "@prisma/client/extension"; import "../src/driver/listen.ts";',
      "drizzle/connector.ts":
        'import type { SQL } from "drizzle-orm"; import "../src/sql/statement.ts"; export type S = SQL;',
    };
    expect(check(sources)).toEqual([]);
  });

  test.each([
    ["src/job.ts", 'import "./app.ts";', "src/job.ts:1 imports src/app.ts: kernel may import nothing"],
    ["src/task/a.ts", '\nexport * from "../sql/x.ts";', "src/task/a.ts:2 imports src/sql/x.ts: task may import kernel"],
    ["src/jobs/a.ts", 'import type { X } from "../defer/x.ts";', "imports src/defer/x.ts: jobs may import"],
    ["src/schema/a.ts", 'import "../defer/x.ts";', "imports src/defer/x.ts: schema may import kernel, sql"],
    ["src/sql/a.ts", 'type X = import("../task/x.ts").X;', "imports src/task/x.ts: sql may import kernel"],
    ["src/worker/a.ts", 'await import("../app.ts");', "imports src/app.ts: worker may import"],
    ["src/app.ts", 'import "../drizzle/x.ts";', "imports drizzle/x.ts: app may import"],
    ["src/cli/a.ts", 'import "../testing/x.ts";', "imports src/testing/x.ts: cli may import kernel, app"],
    ["prisma/a.ts", 'import "../src/sql/x.ts";', "imports src/sql/x.ts: prisma may import kernel, app"],
    ["prisma/a.ts", 'import "../drizzle/x.ts";', "imports drizzle/x.ts: prisma may import kernel, app"],
    ["prisma/a.ts", 'import "../src/testing/x.ts";', "imports src/testing/x.ts: prisma may import"],
    ["src/testing/conformance/a.ts", 'import "../../../drizzle/x.ts";', "imports drizzle/x.ts: testing may import"],
    ["src/driver/a.ts", 'import "../app.ts";', "imports src/app.ts: driver may import kernel"],
    ["src/cli/a.ts", 'import "../driver/x.ts";', "imports src/driver/x.ts: cli may import kernel, app"],
    ["src/a.ts", 'import "../test/x.ts";', "imports test/x.ts, a package that no rule knows"],
    ["src/a.ts", 'import "./gone.ts";', "imports src/gone.ts, which is no file of the product"],
    ["src/utils/a.ts", 'import "../errors.ts";', 'is in "utils", which no rule knows'],
    ["src/a.ts", 'import { sql } from "drizzle-orm";', "imports drizzle-orm: only drizzle/ may"],
    ["drizzle/a.ts", 'import "@prisma/client/extension";', "imports @prisma/client/extension: only prisma/ may"],
    ["drizzle/a.ts", 'await import("pg");', "imports pg: only prisma/ may"],
    ["src/a.ts", 'import "commander";', "imports commander: only src/cli/ may"],
    ["src/a.ts", 'import "lodash";', "imports lodash, a package that no rule knows"],
    ["src/task/a.ts", "const x = Date.now();", "src/task/a.ts:1 Date.now: take it as a parameter"],
    ["src/task/a.ts", "const x = new Date();", "new Date(): take it"],
    ["src/task/a.ts", "const x = Math.random();", "Math.random: take it"],
    ["src/task/a.ts", "console.log(1);", "console.log: take it"],
    ["drizzle/a.ts", 'const x = process.env["X"];', "process.env: take it"],
    ["src/jobs/a.ts", `const x = \`select a from \${1} where b\`;`, "src/jobs/a.ts:1 SQL outside src/sql"],
    ["src/jobs/a.ts", `const x = \`update \${1} j set a = 1\`;`, "SQL outside src/sql"],
    ["drizzle/a.ts", 'const x = "delete from jobs";', "SQL outside src/sql"],
    ["prisma/a.ts", 'const x = "delete from jobs";', "SQL outside src/sql"],
    ["src/testing/a.ts", 'const x = "delete from jobs";', "SQL outside src/sql"],
    ["src/a.ts", "export default 1;", "src/a.ts:1 export default"],
    ["src/a.ts", "export const x = (y: any[]) => y;", "src/a.ts:1 any"],
    ["src/a.ts", `export const x = 1;${"\n".repeat(250)}export const y = 1;`, "src/a.ts:251 a file of 251 lines"],
    ["src/a.ts", `class A {\n  b() {${"\n".repeat(50)}}\n}`, "src/a.ts:2 a function of 51 lines"],
  ])("catch a violation in %s (%#)", (path, source, expected) => {
    const others = ["src/errors.ts", "src/app.ts", "src/sql/x.ts", "src/task/x.ts", "src/defer/x.ts", "drizzle/x.ts"];
    const edges = ["src/testing/x.ts", "src/driver/x.ts"];
    const known = Object.fromEntries([...others, ...edges].map((other) => [other, "export type X = 1;"]));
    expect(check({ ...known, [path]: source }).join("\n")).toContain(expected);
  });

  test("catch files that are too long in the middle", () => {
    const sources = {
      "src/a.ts": "",
      "src/b.ts": `${"\n".repeat(80)}export {};`,
      "src/c.ts": `${"\n".repeat(99)}export {};`,
    };
    expect(check(sources)).toEqual(["the median file has 81 lines: 80 at most"]);
  });

  test("catch a cycle, also one of types", () => {
    const sources = {
      "src/a.ts": 'import type { B } from "./b.ts";',
      "src/b.ts": 'export * from "./c.ts";',
      "src/c.ts": 'import "./a.ts";',
    };
    expect(check(sources)).toEqual(["cycle: src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts"]);
  });

  test("do not pass what cannot be parsed", () => {
    expect(() => check({ "src/a.ts": "const = 1" })).toThrow("src/a.ts cannot be parsed");
  });
});
