import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Unlisten } from "../../src/connector.ts";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { readMigrations } from "../support/migrations.ts";
import { PRISMA_CONNECTIONS, type PrismaConnection } from "../support/prisma/connections.ts";
import { runSql } from "../support/run-sql.ts";
import { startPostgres, type TemporaryPostgres } from "../support/temporary-postgres.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

const SERVERS = Object.entries(PRISMA_CONNECTIONS).filter(([name]) => !name.includes("PGlite"));

let server: TemporaryPostgres;
let connection: PrismaConnection | undefined;
let unlisten: Unlisten | undefined;
beforeAll(async () => {
  server = await startPostgres();
  await runSql(server.url, readMigrations());
});
afterAll(() => server.stop());
afterEach(async () => {
  await unlisten?.();
  await connection?.close();
  unlisten = undefined;
});

/** The sessions whose last statement began so. */
const terminate = (statement: string) =>
  runSql(
    server.url,
    `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query ilike '${statement}%'`,
  );
const sessions = (statement: string) =>
  runSql(server.url, `select pid from pg_stat_activity where pid <> pg_backend_pid() and query ilike '${statement}%'`);

test.each(SERVERS)(
  "%s: a statement fails as a lost connection while the server is away, and goes on",
  async (_name, open) => {
    connection = await open(server.url);
    const { pool, transaction } = connection.connector;
    await pool.query({ name: "first", text: "select 1 as one" }, []);
    await server.stopFast();
    const lost = { name: "DatabaseError", isConnectionLoss: true };
    await expect(pool.query({ name: "lost", text: "select 1 as one" }, [])).rejects.toMatchObject(lost);
    await expect(pool.query({ name: "refused", text: "select 1 as one" }, [])).rejects.toMatchObject(lost);
    await expect(transaction(async () => 1)).rejects.toMatchObject(lost);
    await server.startAgain();
    expect(await until(() => pool.query({ name: "one", text: "select 1 as one" }, []))).toEqual([{ one: 1 }]);
  },
);

test.each(SERVERS)(
  "%s: a transaction whose connection is killed rejects, and the next one works",
  async (_name, open) => {
    connection = await open(server.url);
    const { pool, transaction, using } = connection.connector;
    const cut = transaction(async (tx) => {
      await using(tx).query({ name: "first", text: "select 1 as one" }, []);
      await using(tx).query({ name: "sleep", text: "select pg_sleep(60)::text" }, []);
    });
    const rejected = expect(cut).rejects.toMatchObject({ name: "DatabaseError", isConnectionLoss: true });
    await until(async () => (await sessions("select pg_sleep")).length > 0);
    await terminate("select pg_sleep");
    await rejected;
    await until(() => pool.query({ name: "again", text: "select 1 as one" }, []).catch(() => undefined));
    const [row] = await transaction(async (tx) => using(tx).query({ name: "after", text: "select 1 as one" }, []));
    expect(row).toEqual({ one: 1 });
  },
);

test.each(SERVERS)("%s: a worker goes on after the server was restarted", async (_name, open) => {
  connection = await open(server.url);
  const ran: bigint[] = [];
  const task = defineTask({ name: "outage", run: (_args, { job }) => ran.push(job.id) });
  const app = createApp({ connector: connection.connector, tasks: [task], logger: silentLogger });
  await using _started = startWorker(app);
  const first = await app.defer(task);
  await until(() => ran.length === 1);
  await server.stopFast();
  await server.startAgain();
  const second = await until(() => app.defer(task).catch(() => undefined));
  await until(() => ran.includes(second));
  expect(ran).toContain(first);
});
