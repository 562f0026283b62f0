import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chownSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBinaries, type Identity } from "./postgres-binaries.ts";
import { startCleaner } from "./postgres-cleaner.ts";
import { createCluster, type Settings, startServer } from "./postgres-server.ts";

export interface PostgresOptions {
  /** Settings of postgresql.conf, over the defaults: `{ max_connections: 50 }`. */
  readonly settings?: Settings;
  /** Whether a commit reaches the disk, as in production. Default: false, it reaches the operating system only. */
  readonly fsync?: boolean;
}

/** A Postgres that this process may create databases on. */
export interface Postgres {
  /** Of its database `postgres` (or what DATABASE_URL names), as a role that may create databases. */
  readonly url: string;
  /** Ends the server and deletes its data. Leaves the one of DATABASE_URL alone. */
  stop(): Promise<void>;
}

/** A server of this process's own, on a free port. It goes without a trace when this process ends, also by a kill. */
export interface TemporaryPostgres extends Postgres {
  readonly binDir: string;
  /** Where its data is. */
  readonly directory: string;
  /** Stops as an operator's restart does: sessions end, data stays. */
  stopFast(): Promise<void>;
  /** Stops as in a crash: no goodbye to sessions, recovery at the next start. What was committed stays. */
  stopImmediate(): Promise<void>;
  /** Starts the stopped server again, with the same port and data. */
  startAgain(): Promise<void>;
}

const NOBODY = 65_534;
const DEFAULTS: Settings = { max_connections: 200, listen_addresses: "127.0.0.1", unix_socket_directories: "" };

/** Takes the Postgres that DATABASE_URL names; starts one where it is not set. */
export async function openPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const url = process.env["DATABASE_URL"];
  return url ? { url, stop: async () => undefined } : startPostgres(options);
}

/** Starts an empty Postgres; see `findBinaries` for which. Works as root, too. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TemporaryPostgres> {
  const { directory, identity } = makeDirectory();
  const clean = startCleaner(directory);
  try {
    const cluster = { binDir: findBinaries(directory, identity), directory, identity };
    const port = await freePort();
    const fsync = options.fsync ?? false;
    createCluster(cluster, { ...DEFAULTS, port, fsync, full_page_writes: fsync, ...options.settings });
    let server = await startServer(cluster);
    return {
      url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
      binDir: cluster.binDir,
      directory,
      stop: clean,
      stopFast: () => server.end("SIGINT"),
      stopImmediate: () => server.end("SIGQUIT"),
      startAgain: async () => {
        server = await startServer(cluster);
      },
    };
  } catch (error) {
    await clean();
    throw error;
  }
}

/** A directory for a data directory, and who owns it: Postgres refuses to run as root. */
export function makeDirectory(): { readonly directory: string; readonly identity: Identity } {
  const directory = mkdtempSync(join(tmpdir(), "procrastinate-postgres-"));
  const identity: Identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (identity.uid !== undefined) chownSync(directory, NOBODY, NOBODY);
  return { directory, identity };
}

/** Below the ports that systems give to outgoing connections: a client must not get it while the server restarts. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await once(probe, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    await once(probe.close(), "close");
    return port;
  }
}
