import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { WORKER_OPTION_NAMES } from "../../src/worker/worker-options.ts";
import { type AppFolder, createAppFolder } from "../support/app-folder.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runSql } from "../support/run-sql.ts";
import { findBlocks, readPages, section } from "./markdown.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const pages = readPages(ROOT);
const blocks = pages.flatMap(findBlocks);
/** Three seconds for the one and eight for the other, where nothing else runs. */
const TIMEOUT_MS = 90_000;
const pageOf = (path: string) => pages.find((page) => page.path === path) ?? { path, text: "" };

let folder: AppFolder;
beforeAll(() => {
  folder = createAppFolder({});
  installBinaries(join(folder.path, "node_modules"));
});
afterAll(() => folder.remove());

/** As npm does it: `npx` finds the programs of the packages that the README installs. */
function installBinaries(modules: string): void {
  const bin = join(modules, ".bin");
  rmSync(bin);
  mkdirSync(bin);
  const { dependencies, devDependencies } = readInstalled(pageOf("README.md").text);
  for (const name of [...dependencies, ...devDependencies]) {
    const { bin: programs = {} } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
    const named = typeof programs === "string" ? { [name]: programs } : programs;
    for (const [program, path] of Object.entries<string>(named)) {
      // npm has done it for the others.
      if (name === "procrastinate") chmodSync(join(modules, name, path), 0o755);
      symlinkSync(join(modules, name, path), join(bin, program));
    }
  }
}

/** Runs lines of a shell as a reader would; gives the exit code and all that was printed. */
async function shell(lines: string, env: Readonly<Record<string, string>>) {
  const child = spawn("sh", ["-ec", lines], {
    cwd: folder.path,
    env: { ...process.env, npm_config_offline: "true", npm_config_yes: "false", NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data.toString()));
  const [code] = await once(child, "close");
  return { code, output };
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
  beforeAll(() => {
    const written = new Set<string>();
    for (const { page, line, language, code, file } of blocks) {
      if (language !== "ts") continue;
      const path = `${page.replace(/\.md$/, "")}/${file ?? `line-${line}.ts`}`;
      expect(written.has(path), `${page}:${line} is a second ${file}`).toBe(false);
      written.add(path);
      folder.write(`checked/${path}`, `${code}\nexport {};\n`);
    }
    expect(written.size).toBeGreaterThan(30);
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

describe("the quick start of the README", () => {
  const start = findBlocks(section(pageOf("README.md"), "## Start in 60 seconds"));
  /** All but what the folder has already: an empty project with its packages, and a database. */
  const commands = start
    .filter(({ language }) => language === "sh")
    .map(({ code }) => code.replace(/^(npm |export DATABASE_URL=).*$/gm, "").trim())
    .filter((code) => code !== "");
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase({ empty: true });
    for (const { file, code } of start) if (file !== undefined) folder.write(file, code);
  });
  afterAll(() => database.drop());

  test("installs what its files import and its commands run", () => {
    const { dependencies, devDependencies } = readInstalled(start.map(({ code }) => code).join("\n"));
    const imported = start.flatMap(({ code }) => [...code.matchAll(/ from "(@?[\w-]+)["/]/g)].map(([, name]) => name));
    for (const name of imported) expect([...dependencies, ...devDependencies]).toContain(name);
    expect(dependencies).toContain("procrastinate");
    expect(devDependencies).toEqual(expect.arrayContaining(["drizzle-kit", "tsx"]));
  });

  test("migrates, commits a user with a job, and runs it", { timeout: TIMEOUT_MS }, async () => {
    expect(commands).toHaveLength(3);
    const outputs: string[] = [];
    for (const command of commands) {
      // The reader ends the worker by hand.
      const env = { DATABASE_URL: database.url, PROCRASTINATE_WORKER_ONE_SHOT: "true" };
      const { code, output } = await shell(command, env);
      expect(code, `${command}\n${output}`).toBe(0);
      outputs.push(output);
    }
    expect(outputs[1]).toMatch(/User \S+ and job 1 are one commit/);
    expect(outputs[2]).toMatch(/Welcome, ada@example\.com!/);
    const jobs = await runSql(database.url, "select task_name, status::text, attempts from procrastinate_jobs");
    expect(jobs).toEqual([{ task_name: "emails.sendWelcome", status: "succeeded", attempts: 1 }]);
    expect(await runSql(database.url, "select email from users")).toEqual([{ email: "ada@example.com" }]);
  });
});

function readInstalled(text: string): { dependencies: string[]; devDependencies: string[] } {
  const namesAfter = (pattern: RegExp): string[] => pattern.exec(text)?.[1]?.split(" ") ?? [];
  return {
    dependencies: namesAfter(/^npm install ((?!-).+)$/m),
    devDependencies: namesAfter(/^npm install --save-dev (.+)$/m),
  };
}

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
  const commandOf = (name: string) => program.commands.find((command) => command.name() === name);

  test("commands and their options", () => {
    for (const { page, line, language, code } of blocks) {
      if (language !== "sh") continue;
      for (const [used, name] of code.matchAll(/\bnpx procrastinate (\w+)[^\n|;&]*/g)) {
        const options = [...(commandOf(name ?? "")?.options ?? []), ...program.options];
        const known = ["--help", ...options.map((option) => option.long)];
        const flags = [...used.matchAll(/ (--[\w-]+)/g)].map(([, flag]) => flag);
        expect(commandOf(name ?? ""), `${page}:${line}: ${name}`).toBeDefined();
        expect(known, `${page}:${line}`).toEqual(expect.arrayContaining(flags));
      }
    }
  });

  test("scripts of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const used = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(used));
  });

  test("files that links lead to", () => {
    for (const { path, text } of pages) {
      for (const [, target = ""] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        expect(existsSync(join(ROOT, dirname(path), target)), `${path}: ${target}`).toBe(true);
      }
    }
  });

  test("environment variables", () => {
    const help = [program, ...program.commands].map((command) => command.helpInformation()).join("\n");
    const known = [...help.matchAll(/PROCRASTINATE_\w+/g)].map(([name]) => name);
    for (const [name] of text.matchAll(/PROCRASTINATE_\w*[A-Z]\b/g)) expect(known).toContain(name);
  });
});

describe("what exists is on its page", () => {
  const cells = (path: string) => [...pageOf(path).text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell);

  test("every option of a worker", () => {
    expect(cells("docs/workers.md")).toEqual(expect.arrayContaining(WORKER_OPTION_NAMES));
  });

  test("every command", () => {
    for (const command of createProgram().commands) {
      expect(pageOf("docs/cli.md").text).toContain(`\n## ${command.name()}\n`);
    }
  });
});
