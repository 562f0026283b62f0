import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { startCleaner } from "../test/support/postgres-cleaner.ts";
import { startServer } from "../test/support/postgres-server.ts";
import { freePort, makeDirectory, type TemporaryPostgres } from "../test/support/temporary-postgres.ts";

/** A server that follows another one by streaming replication. */
export interface Standby {
  readonly port: number;
  /** Makes it a primary; resolves when it takes writes. */
  promote(): void;
  stop(): Promise<void>;
}

const PROGRAM = "pg_basebackup";

/** Why these binaries make no standby; undefined if they do. */
export function whyNoStandby(binDir: string): string | undefined {
  return existsSync(join(binDir, PROGRAM)) ? undefined : `there is no ${PROGRAM} in ${binDir}`;
}

/** Copies the server and follows it. */
export async function startStandby({ url, binDir }: TemporaryPostgres): Promise<Standby> {
  const { directory, identity } = makeDirectory();
  const clean = startCleaner(directory);
  const data = join(directory, "data");
  const run = (program: string, args: readonly string[]): void => {
    const ran = spawnSync(join(binDir, program), args, { ...identity, cwd: directory, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${program} failed: ${ran.error?.message ?? ran.stderr}`);
  };
  try {
    run(PROGRAM, [
      "--dbname",
      url,
      "--pgdata",
      data,
      "--wal-method=stream",
      "--checkpoint=fast",
      "--write-recovery-conf",
    ]);
    const port = await freePort();
    appendFileSync(join(data, "postgresql.conf"), `port = ${port}\n`);
    await startServer({ binDir, directory, identity });
    return { port, promote: () => run("pg_ctl", ["promote", "--pgdata", data, "--wait"]), stop: clean };
  } catch (error) {
    await clean();
    throw error;
  }
}
