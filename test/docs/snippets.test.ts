import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { WORKER_OPTION_NAMES } from "../../src/worker/worker-options.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { fileOf, findBlocks, type Page, readAnchors, readPages, section } from "./markdown.ts";
import { generateClient } from "./prisma-client.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const pages = readPages(ROOT);
const blocks = pages.flatMap(splitReadme).flatMap(findBlocks);
/** Three seconds where nothing else runs. */
const TIMEOUT_MS = 90_000;
const pageOf = (path: string) => pages.find((page) => page.path === path) ?? { path, text: "" };

let folder: AppFolder;
beforeAll(() => {
  folder = createAppFolder({});
});
afterAll(() => folder.remove());

/** Its two quick starts have files of the same names. */
function splitReadme(page: Page): Page[] {
  if (page.path !== "README.md") return [page];
  const prisma = section(page, "## Start in 60 seconds with Prisma");
  const gap = prisma.text.replace(/[^\n]/g, "");
  return [
    { ...page, text: page.text.replace(prisma.text, () => gap) },
    { path: "README-prisma.md", text: prisma.text },
  ];
}

/** Makes the folder an app on one of Drizzle's majors. */
function useDrizzle(suffix: "" | "-next"): void {
  for (const name of ["drizzle-orm", "drizzle-kit"]) {
    const link = join(folder.path, "node_modules", name);
    rmSync(link);
    symlinkSync(join(ROOT, "node_modules", `${name}${suffix}`), link);
  }
}

describe("every TypeScript block", () => {
  beforeAll(async () => {
    const written = new Set<string>();
    for (const block of blocks) {
      const { page, line, language, code, file } = block;
      if (language !== "ts") continue;
      const path = fileOf(block);
      expect(written.has(path), `${page}:${line} is a second ${file}`).toBe(false);
      written.add(path);
      folder.write(`checked/${path}`, `${code}\nexport {};\n`);
    }
    expect(written.size).toBeGreaterThan(30);
    await generateClient(folder, pageOf("README.md"), ["checked/README-prisma", "checked/docs/prisma"]);
    const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8"));
    const { paths: _sources, rewriteRelativeImportExtensions: _emit, ...strict } = compilerOptions;
    // A snippet shows what it makes and stops there.
    const options = { ...strict, noUnusedLocals: false, noUnusedParameters: false, allowImportingTsExtensions: true };
    folder.write("checked/tsconfig.json", JSON.stringify({ compilerOptions: options, include: ["."] }));
  });
  afterAll(() => useDrizzle(""));

  test.each([["0.45", ""] as const, ["1.0", "-next"] as const])(
    "type-checks with the strict options, against the built package and Drizzle %s",
    async (_major, suffix) => {
      useDrizzle(suffix);
      const { output } = await folder.run("typescript/bin/tsc", ["-p", "checked"], {});
      expect(output).toBe("");
    },
    TIMEOUT_MS,
  );
});

describe("the SQL of the pages", () => {
  test("runs on the queue's tables", async () => {
    const database = await createTestDatabase();
    const statements = blocks.filter(({ language }) => language === "sql");
    expect(statements.length).toBeGreaterThan(3);
    try {
      for (const { page, line, code } of statements) {
        const failure = await runSql(database.url, code).then(() => undefined, String);
        expect(failure, `${page}:${line}`).toBe(undefined);
      }
    } finally {
      await database.drop();
    }
  });
});

describe("what the pages name exists", () => {
  const text = pages.map((page) => page.text).join("\n");
  const program = createProgram();
  const below = (command: Command, name: string) => command.commands.find((each) => each.name() === name);
  const allOf = (command: Command): Command[] => [command, ...command.commands.flatMap(allOf)];

  test("commands and their options", () => {
    for (const { page, line, language, code } of blocks) {
      if (language !== "sh") continue;
      for (const [used, name = "", second = ""] of code.matchAll(/\bnpx procrastinate (\w+)(?: (\w+))?[^\n|;&]*/g)) {
        const command = below(program, name);
        const innermost = command?.commands.length ? below(command, second) : command;
        const options = [...(innermost?.options ?? []), ...program.options];
        const known = ["--help", ...options.map((option) => option.long)];
        const flags = [...used.matchAll(/ (--[\w-]+)/g)].map(([, flag]) => flag);
        expect(innermost, `${page}:${line}: ${used}`).toBeDefined();
        expect(known, `${page}:${line}`).toEqual(expect.arrayContaining(flags));
      }
    }
  });

  test("scripts of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const used = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(used));
  });

  test("files that links lead to, and headings", () => {
    for (const { path, text } of pages) {
      for (const [link, target = "", heading] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
        const file = target === "" ? path : join(dirname(path), target);
        expect(existsSync(join(ROOT, file)), `${path}: ${link}`).toBe(true);
        if (heading === undefined) continue;
        expect(readAnchors(readFileSync(join(ROOT, file), "utf8")), `${path}: ${link}`).toContain(heading);
      }
    }
  });

  test("environment variables", () => {
    const help = allOf(program)
      .map((command) => command.helpInformation())
      .join("\n");
    const known = [...help.matchAll(/PROCRASTINATE_\w+/g)].map(([name]) => name);
    for (const [name] of text.matchAll(/PROCRASTINATE_\w*[A-Z]\b/g)) expect(known).toContain(name);
  });
});

describe("what exists is on its page", () => {
  const cells = (path: string) => [...pageOf(path).text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell);

  test("every option of a worker", () => {
    expect(cells("docs/workers.md")).toEqual(expect.arrayContaining(WORKER_OPTION_NAMES));
  });

  test("every line of the log that is no event of a worker", () => {
    const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
    const actions = sources
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => [...readFileSync(join(ROOT, "src", name), "utf8").matchAll(/\baction: "(\w+)"/g)])
      .map(([, action]) => action);
    expect(actions.length).toBeGreaterThan(5);
    expect(cells("docs/logging.md")).toEqual(expect.arrayContaining(actions));
  });

  test("every command", () => {
    const program = createProgram();
    // Not those that only a shell calls.
    const names = program
      .createHelp()
      .visibleCommands(program)
      .map((command) => command.name());
    for (const name of names.filter((each) => each !== "help")) {
      expect(pageOf("docs/cli.md").text).toContain(`\n## ${name}\n`);
    }
  });
});
