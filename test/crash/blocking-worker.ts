// A worker process of blocked-worker.test.ts: its first long job blocks the event loop, so that it looks dead.
import pg from "pg";
import { createApp, defineTask, silentLogger } from "../../src/index.ts";
import { pgConnector } from "../support/pg-connector.ts";

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 8 });
const task = defineTask({
  name: "t",
  run: ({ n }: { n: number }) => {
    console.log(`ran ${n}`);
    if (n !== 100) return;
    console.log("blocked");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    console.log("back");
  },
});
const app = createApp({ connector: pgConnector(pool), tasks: [task], logger: silentLogger });
const worker = app.createWorker({ heartbeatInterval: { milliseconds: 100 }, stalledAfter: { milliseconds: 600 } });
await worker.run();
await pool.end();
