import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface BenchPostgres {
  /** The URL of the server; ends in a slash, a database name follows. */
  readonly baseUrl: string;
  stop(): Promise<void>;
}

const DEBIAN_ROOT = "/usr/lib/postgresql";
const NOBODY = 65534;

/**
 * A server with its default settings: fsync, synchronous commits and 128 MB of shared buffers, as the app would have.
 * The tests' server turns durability off, so it would measure something else.
 */
export async function startBenchPostgres(settings: readonly string[]): Promise<BenchPostgres> {
  const directory = mkdtempSync(join(tmpdir(), "procrastinate-bench-"));
  // Postgres refuses to run as root.
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if ("uid" in identity) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, "data");
  const environment = { ...identity, cwd: directory, env: { ...process.env, LC_ALL: "C", TZ: "UTC", HOME: directory } };
  const init = spawnSync(binary("initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"], {
    ...environment,
    encoding: "utf8",
  });
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr || String(init.error)}`);
  const port = await freePort();
  const extra = settings.flatMap((setting) => ["-c", setting]);
  const server = spawn(
    binary("postgres"),
    ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", ...extra],
    { ...environment, stdio: ["ignore", "ignore", "pipe"] },
  );
  await new Promise<void>((resolve, reject) => {
    server.stderr.on("data", (chunk: Buffer) => chunk.includes("ready to accept connections") && resolve());
    void text(server.stderr).then((log) => reject(new Error(`postgres did not start: ${log}`)));
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.once("exit", () => {
        rmSync(directory, { recursive: true, force: true });
        resolve();
      });
      server.kill("SIGINT");
    });
  return { baseUrl: `postgresql://postgres@127.0.0.1:${port}/`, stop };
}

function binary(name: string): string {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(DEBIAN_ROOT, version, "bin", name)).find(existsSync);
  return found ?? name;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port found");
  return address.port;
}
