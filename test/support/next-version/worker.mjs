// A worker process of upgrade.test.ts. What each handler did is a row of the app's table `log.runs`.
import { setTimeout as sleep } from "node:timers/promises";
import { createApp, defineTask, retryStrategy } from "procrastinate";
import { connector, pool } from "./db.mjs";

const name = process.env["WORKER"];
const note = (kind, n) => pool.query("insert into log.runs (worker, kind, n) values ($1, $2, $3)", [name, kind, n]);
const isOpen = async () => (await pool.query("select 1 from log.gate")).rowCount === 1;

const plain = defineTask({
  name: "plain",
  run: async ({ n }) => {
    await sleep(10);
    await note("plain", n);
  },
});
const locked = defineTask({ name: "locked", run: ({ n }) => note("locked", n) });
const flaky = defineTask({
  name: "flaky",
  retry: retryStrategy({ maxAttempts: 2, wait: { milliseconds: 500 } }),
  run: async ({ n }, { job }) => {
    if (job.attempts === 0) throw new Error("the first run fails");
    await note("flaky", n);
  },
});
const gated = defineTask({
  name: "gated",
  run: async ({ n }) => {
    while (!(await isOpen())) await sleep(20);
    await note("gated", n);
  },
});

const app = createApp({ connector, tasks: [plain, locked, flaky, gated] });
const worker = app.createWorker({ name, concurrency: 6, pollingInterval: { milliseconds: 200 } });
worker.on("start_worker", () => console.log("started"));
try {
  await worker.run();
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
  process.exitCode = 3;
}
await pool.end();
