import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCleaner } from "../test/support/postgres-cleaner.ts";
import { freePort, makeDirectory } from "../test/support/temporary-postgres.ts";

/** A PgBouncer in its mode `transaction`. */
export interface Bouncer {
  /** The same database, through the pooler. */
  readonly url: string;
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

/** Why it cannot run here; undefined if it can. */
export function whyNoBouncer(): string | undefined {
  return spawnSync("pgbouncer", ["--version"]).status === 0 ? undefined : "pgbouncer is not installed";
}

export async function startBouncer(url: string): Promise<Bouncer> {
  const { hostname, port, username } = new URL(url);
  const { directory, identity } = makeDirectory();
  const clean = startCleaner(directory);
  const through = new URL(url);
  through.port = String(await freePort());
  const config = join(directory, "pgbouncer.ini");
  writeFileSync(
    config,
    `[databases]
* = host=${hostname} port=${port} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${through.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 12
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`,
  );
  let running: ChildProcess | undefined;
  const startAgain = async (): Promise<void> => {
    running = spawn("pgbouncer", ["-q", config], { ...identity, cwd: directory, stdio: "ignore" });
    while (!(await answers(Number(through.port)))) await sleep(20);
  };
  const kill = async (): Promise<void> => {
    const ended = running && running.exitCode === null ? once(running, "exit") : undefined;
    running?.kill("SIGKILL");
    await ended;
  };
  await startAgain();
  return {
    url: through.href,
    kill,
    startAgain,
    stop: async () => {
      await kill();
      await clean();
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
