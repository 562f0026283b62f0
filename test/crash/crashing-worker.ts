// A worker process of worker-crash.test.ts: writes what it does into the tables `runs` and `effects`.
import pg from "pg";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { pgConnector } from "../support/pg-connector.ts";

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 12 });
pool.on("error", () => undefined);
const connector = pgConnector(pool);

/** Notes the run before anything else, so that a run that was killed is known, too. */
const note = (n: number) => pool.query("insert into runs (n) values ($1)", [n]);

const plain = defineTask({ name: "plain", run: ({ n }: { n: number }) => note(n) });
const locked = defineTask({
  name: "locked",
  run: async ({ n }: { n: number }, { job }) => {
    // Two at once under one lock would meet here: the lock of the row is only held until the other one is done.
    const taken = await pool.query("insert into holders (lock, job) values ($1, $2) on conflict do nothing", [
      job.lock,
      n,
    ]);
    await note(taken.rowCount === 1 ? n : -n);
    await pool.query("delete from holders where lock = $1 and job = $2", [job.lock, n]);
  },
});
const effect = defineTask({
  name: "effect",
  run: async ({ n }: { n: number }, context) => {
    await note(n);
    await connector.transaction(async (tx) => {
      await tx.query("insert into effects (n) values ($1)", [n]);
      await context.complete(tx);
    });
  },
});
const killer = defineTask({ name: "killer", run: () => process.kill(process.pid, "SIGKILL") });

const app = createApp({ connector, tasks: [plain, locked, effect, killer], logger: silentLogger });
const worker = app.createWorker({
  concurrency: 8,
  heartbeatInterval: { milliseconds: 100 },
  stalledAfter: { milliseconds: 600 },
  maxRescues: Number(process.env["MAX_RESCUES"]),
});
worker.on("start_worker", () => console.log("started"));
await worker.run();
await pool.end();
