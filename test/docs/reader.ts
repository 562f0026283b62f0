import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { AppFolder } from "../support/app-folder.ts";
import { PRISMA_ENVIRONMENT } from "../support/prisma/app-on-prisma.ts";
import { type Block, findBlocks, type Page, section } from "./markdown.ts";

/** What a page tells its reader to install. */
export interface Installed {
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

export function readInstalled(text: string): Installed {
  const namesAfter = (pattern: RegExp): string[] => {
    const names = pattern.exec(text)?.[1]?.split(" ") ?? [];
    // Without the version: `prisma@7`.
    return names.map((name) => name.replace(/(?<=.)@.*$/, ""));
  };
  return {
    dependencies: namesAfter(/^npm install ((?!-).+)$/m),
    devDependencies: namesAfter(/^npm install --save-dev (.+)$/m),
  };
}

/** A quick start: its files, and the commands that a reader types after the installation. */
export interface QuickStart {
  readonly blocks: readonly Block[];
  readonly commands: readonly string[];
  readonly installed: Installed;
}

export function readQuickStart(page: Page, heading: string): QuickStart {
  const blocks = findBlocks(section(page, heading));
  // All but what the folder has already: an empty project with its packages, and a database.
  const commands = blocks
    .filter(({ language }) => language === "sh")
    .map(({ code }) => code.replace(/^(npm |export DATABASE_URL=).*$/gm, "").trim())
    .filter((code) => code !== "");
  return { blocks, commands, installed: readInstalled(blocks.map(({ code }) => code).join("\n")) };
}

/** The packages that the blocks import. */
export function readImported(blocks: readonly Block[]): string[] {
  const imports = /(?: from |import\()"(@[\w-]+\/[\w-]+|\w[\w-]*)["/]/g;
  return blocks.flatMap(({ code }) => [...code.matchAll(imports)].map(([, name]) => name ?? ""));
}

/** As npm does it: `npx` finds the programs of the packages. */
export function installBinaries(modules: string, { dependencies, devDependencies }: Installed): void {
  const bin = join(modules, ".bin");
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin);
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
export async function shell(folder: AppFolder, lines: string, env: Readonly<Record<string, string>>) {
  const child = spawn("sh", ["-ec", lines], {
    cwd: folder.path,
    env: {
      ...process.env,
      ...PRISMA_ENVIRONMENT,
      npm_config_offline: "true",
      npm_config_yes: "false",
      NO_COLOR: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data.toString()));
  const [code] = await once(child, "close");
  return { code, output };
}
