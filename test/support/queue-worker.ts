// A worker process that says which job it ran; jobs with negative numbers take some milliseconds and are not mentioned.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { pgConnector } from "./pg-connector.ts";

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 8 });
const task = defineTask({
  name: "t",
  async run({ n }: { n: number }, { job }) {
    if (n < 0) await sleep(5);
    else console.log(`ran ${n} of ${job.queue}`);
  },
});
const app = createApp({ connector: pgConnector(pool), tasks: [task], logger: silentLogger });
const worker = app.createWorker({ pollingInterval: { seconds: 60 } });
for (const name of ["queue_paused", "queue_resumed", "idle"] as const) worker.on(name, () => console.log(name));
await worker.run();
await pool.end();
