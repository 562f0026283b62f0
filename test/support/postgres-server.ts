import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Identity } from "./postgres-binaries.ts";

/** One data directory and what runs on it. */
export interface Cluster {
  readonly binDir: string;
  readonly directory: string;
  readonly identity: Identity;
}

export type Settings = Readonly<Record<string, string | number | boolean>>;

/** A running postmaster. */
export interface Server {
  /** Sends the signal, waits for the end. Does nothing when it ended before. */
  end(signal: NodeJS.Signals): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

/** Makes the data directory, with one superuser `postgres` that needs no password. */
export function createCluster(cluster: Cluster, settings: Settings): void {
  const data = join(cluster.directory, "data");
  const options = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
  const run = spawnSync(join(cluster.binDir, "initdb"), options, { ...processOptions(cluster), encoding: "utf8" });
  if (run.status !== 0) throw new Error(`initdb failed: ${run.error?.message ?? run.stderr}`);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
  appendFileSync(join(data, "postgresql.conf"), lines.join(""));
}

/** Resolves when the server takes connections. */
export async function startServer(cluster: Cluster): Promise<Server> {
  const log = join(cluster.directory, "server.log");
  const output = openSync(log, "w");
  const server = spawn(join(cluster.binDir, "postgres"), ["-D", join(cluster.directory, "data")], {
    ...processOptions(cluster),
    stdio: ["ignore", output, output],
    // Control-C in a terminal signals the whole group: what uses the database wants to end before it.
    detached: true,
  });
  closeSync(output);
  server.unref();
  const ended = once(server, "exit");
  // A server that cannot even be spawned rejects `ended`.
  const ready = await Promise.race([isReadySoon(server, cluster), ended.then(() => false)]);
  if (!ready) {
    server.kill("SIGQUIT");
    throw new Error(`Postgres did not start: ${readFileSync(log, "utf8")}`);
  }
  return {
    async end(signal) {
      server.ref();
      server.kill(signal);
      await ended;
    },
  };
}

async function isReadySoon(server: ChildProcess, cluster: Cluster): Promise<boolean> {
  const file = join(cluster.directory, "data", "postmaster.pid");
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (server.exitCode === null && performance.now() < deadline) {
    // pg_ctl looks there, too. The first line tells this server's from one that a crash left behind.
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    if (lines[0] === String(server.pid) && /^(ready|standby)\b/.test(lines[7] ?? "")) return true;
    await sleep(10);
  }
  return false;
}

function processOptions(cluster: Cluster) {
  return { ...cluster.identity, cwd: cluster.directory, env: { ...process.env, LC_ALL: "C", TZ: "UTC" } };
}
