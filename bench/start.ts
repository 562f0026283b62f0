// The root's `npm run bench`: sets up what the bench needs, then hands over to main.ts on a Node that the peers support.
// Runs on the root's Node (20) through the root's tsx.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** graphile-worker 0.18 asks for it, and from there on Node runs TypeScript as it is. */
const NODE_NEEDED = [22, 18] as const;

const bench = fileURLToPath(new URL(".", import.meta.url));
const root = join(bench, "..");

if (isOutdated(join(bench, "node_modules/.package-lock.json"), join(bench, "package-lock.json")))
  run("npm", ["ci"], bench);
run("npm", ["run", "--silent", "build"], root);
installPackage();
run(findNode(), ["main.ts", ...process.argv.slice(2)], bench);

function isOutdated(installed: string, wanted: string): boolean {
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs;
}

/** What npm would install from the packed package; a link instead would load a second copy of drizzle-orm, the root's. */
function installPackage(): void {
  const target = join(bench, "node_modules/procrastinate");
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly files: readonly string[];
  };
  rmSync(target, { recursive: true, force: true });
  for (const file of ["package.json", ...files]) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(target, file), { recursive: true });
  }
}

function findNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return process.execPath;
  // An optional dependency of the bench, which npm installs for the platforms that it is published for.
  const platform = `${process.platform}-${process.arch}`;
  const own = join(bench, `node_modules/node24-${platform}/bin/node`);
  if (existsSync(own)) return own;
  console.error(
    `The bench needs Node ${NODE_NEEDED.join(".")} or newer. This is ${process.versions.node}, and npm has installed ` +
      `none for ${platform}: run the bench with a newer Node, or npm ci in bench/ without --omit=optional.`,
  );
  process.exit(1);
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
