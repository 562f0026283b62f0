import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleNext } from "drizzle-orm-next/node-postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { drizzleConnector } from "../../drizzle/index.ts";
import type { Unlisten } from "../../src/connector.ts";
import { DRIZZLE_CONNECTIONS, type DrizzleConnection } from "../support/drizzle-connections.ts";
import { runSql } from "../support/run-sql.ts";
import { startPostgres, type TemporaryPostgres } from "../support/temporary-postgres.ts";
import { until } from "../support/until.ts";

let server: TemporaryPostgres;
let connection: DrizzleConnection | undefined;
let unlisten: Unlisten | undefined;
let heard: string[];
let listening: boolean;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(() => {
  heard = [];
  listening = false;
});
afterEach(async () => {
  await unlisten?.();
  await connection?.close();
});

/** As the worker's listener does: lets the last connection go and asks for another one. */
async function listen(connector: DrizzleConnection["connector"]): Promise<void> {
  await unlisten?.();
  unlisten = undefined;
  unlisten = await connector.listen?.("jobs", {
    onNotification: (payload) => heard.push(payload),
    onListening: () => {
      listening = true;
    },
    onLost: () => {
      listening = false;
    },
  });
}

const SERVERS = Object.entries(DRIZZLE_CONNECTIONS).filter(([name]) => !name.includes("PGlite"));

test.each(SERVERS)("%s goes on listening after the server was away", async (name, open) => {
  connection = await open(server.url);
  const { connector } = connection;
  await listen(connector);
  expect(listening).toBe(true);
  await server.stopFast();
  const lost = connector.pool.query({ name: "lost", text: "select 1 as one" }, []);
  await expect(lost).rejects.toMatchObject({ name: "DatabaseError", isConnectionLoss: true });
  if (name.includes("node-postgres")) await until(() => !listening);
  await server.startAgain();
  await heardAgain(connector);
});

test.each(SERVERS)("%s listens as soon as a server that was away at first is there", async (_name, open) => {
  await server.stopFast();
  connection = await open(server.url);
  const { connector } = connection;
  for (const _ of [1, 2, 3]) await listen(connector).catch(() => undefined);
  expect(listening).toBe(false);
  await server.startAgain();
  await heardAgain(connector);
});

test.each([
  ["0.45", (client: pg.Pool) => drizzle({ client })],
  ["1.0 rc", (client: pg.Pool) => drizzleNext({ client })],
])(
  "drizzle %s gets a connection back to its pool that is lost before a transaction began on it",
  async (_name, open) => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 5000 });
    const connector = drizzleConnector(open(pool));
    const one = { name: "one", text: "select 1 as one" };
    for (let round = 0; round < 3; round++) {
      expect(await connector.pool.query(one, [])).toEqual([{ one: 1 }]);
      pool.once("acquire", (client) => (client as unknown as PgInternals).connection.stream.destroy());
      await expect(connector.transaction(async () => undefined)).rejects.toMatchObject({ isConnectionLoss: true });
    }
    // Lost in the middle, it is given back twice.
    const cut = connector.transaction(async (tx) => {
      const ended = "select pg_terminate_backend(pg_backend_pid())::text as ended";
      await connector.using(tx).query({ name: "cut", text: ended }, []);
    });
    await expect(cut).rejects.toMatchObject({ name: "DatabaseError" });
    expect(await connector.pool.query(one, [])).toEqual([{ one: 1 }]);
    await pool.end();
  },
);

test.each(SERVERS)(
  "%s sends nothing more in a transaction whose connection was lost meanwhile, and harms no other",
  async (_name, open) => {
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    process.on("uncaughtException", note);
    connection = await open(server.url);
    const { connector } = connection;
    const one = { name: "one", text: "select 1 as one" };
    try {
      for (const goesOn of ["a statement", "nothing", "an error"]) {
        let open = (): void => undefined;
        const over = new Promise<void>((resolve) => {
          open = resolve;
        });
        const late: unknown[] = [];
        const cut = connector.transaction(async (tx) => {
          const [row] = await connector.using(tx).query<{ pid: number }>(BACKEND, []);
          await runSql(server.url, `select pg_terminate_backend(${row?.pid})`);
          await over;
          if (goesOn === "an error") throw new Error("late");
          if (goesOn === "nothing") return;
          await connector
            .using(tx)
            .query(one, [])
            .catch((error: unknown) => late.push(error));
        });
        // node-postgres tells at the next statement, postgres.js at once.
        cut.catch(() => undefined).finally(() => open());
        await until(async () => (await runSql(server.url, OTHERS)).length === 0);
        open();
        await expect(cut).rejects.toThrow();
        if (goesOn === "a statement") await until(() => late.length === 1);
        // Of a poisoned connection they would never be answered.
        const answers = Array.from({ length: 8 }, () => connector.pool.query(one, []));
        expect(await Promise.all(answers.map((each) => each.catch(() => connector.pool.query(one, []))))).toHaveLength(
          8,
        );
      }
    } finally {
      process.off("uncaughtException", note);
    }
    expect(uncaught).toEqual([]);
  },
);

const BACKEND = { name: "backend", text: "select pg_backend_pid() as pid" };
const OTHERS =
  "select 1 from pg_stat_activity where query like '%pg_backend_pid() as pid%' and pid <> pg_backend_pid()";

/** What its types do not say. */
interface PgInternals {
  readonly connection: { readonly stream: { destroy(): void } };
}

async function heardAgain(connector: DrizzleConnection["connector"]): Promise<void> {
  await until(async () => {
    if (!listening) await listen(connector);
    await runSql(server.url, "notify jobs, 'back'");
    return heard.length > 0;
  });
  expect(new Set(heard)).toEqual(new Set(["back"]));
  expect(await connector.pool.query({ name: "one", text: "select 1 as one" }, [])).toEqual([{ one: 1 }]);
}
