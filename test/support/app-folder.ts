import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(ROOT, "node_modules");

/** An app as its team has it: a folder with the built package and some of its dependencies installed. */
export interface AppFolder {
  readonly path: string;
  write(file: string, text: string): void;
  /** Runs a program of one of its dependencies; gives its exit code and all that it printed. */
  run(
    script: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    input?: string,
  ): Promise<ProgramRun>;
  remove(): void;
}

export interface ProgramRun {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Makes an app folder that has all that is installed here.
 *
 * @param dependencies What it has under another name than here: `{ "drizzle-orm": "drizzle-orm-next" }` is the other
 * major. The package itself is copied as it was built, so that it finds the app's own ORM.
 */
export function createAppFolder(dependencies: Readonly<Record<string, string>>): AppFolder {
  const path = mkdtempSync(join(tmpdir(), "procrastinate-app-"));
  const modules = join(path, "node_modules");
  const own = join(modules, "procrastinate");
  mkdirSync(own, { recursive: true });
  installPackage(own);
  const everything = Object.fromEntries(readdirSync(MODULES).map((name) => [name, name]));
  for (const [name, installed] of Object.entries({ ...everything, ...dependencies })) {
    symlinkSync(join(MODULES, installed), join(modules, name), "dir");
  }
  writeFileSync(join(path, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  return {
    path,
    write: (file, text) => {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), text);
    },
    run: (script, args, env, input) => runProgram(path, [join(modules, script), ...args], env, input),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Puts the built package there, as npm would. */
export function installPackage(to: string): void {
  cpSync(inject("packageFolder"), to, { recursive: true });
}

function runProgram(
  cwd: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    // Symlinks stay what they are, or the programs would find this repository's packages instead of the app's.
    const child = spawn(process.execPath, ["--preserve-symlinks", "--preserve-symlinks-main", ...command], {
      cwd,
      env: { ...process.env, NODE_COMPILE_CACHE: inject("compileCache"), ...env, NO_COLOR: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // It may end without having read it.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
