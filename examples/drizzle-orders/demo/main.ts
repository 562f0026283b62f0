import { constants } from "node:os";
import { asc, eq, inArray, sql } from "drizzle-orm";
import { Report } from "../../orders-demo/report.ts";
import { Shop } from "../../orders-demo/shop.ts";
import { orders, procrastinateJobs, products, stockMovements } from "../src/schema.ts";
import { buildStage, clearStage, type Stage } from "./stage.ts";
import { crash } from "./steps/crash.ts";
import { drain } from "./steps/drain.ts";
import { locks } from "./steps/locks.ts";
import { oneTransaction } from "./steps/one-transaction.ts";
import { retry } from "./steps/retry.ts";
import { rollback } from "./steps/rollback.ts";
import { schedule } from "./steps/schedule.ts";

const STEPS = [oneTransaction, rollback, retry, locks, schedule, crash, drain];

const report = new Report();
let interrupted = false;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted = true;
    void clearStage().finally(() => process.exit(128 + constants.signals[signal]));
  });
}

try {
  await play();
} catch (error) {
  // An interrupted demo takes its stage away under whatever step is playing.
  if (!interrupted) report.broken(error);
}
await clearStage();
if (!interrupted) process.exitCode = report.end();

async function play(): Promise<void> {
  report.heading("An order service on Drizzle, and its worker");
  const stage = await buildStage();
  const { name, version, origin } = stage.database;
  report.note(`Postgres ${version}, ${origin}; database ${name}, tables by the example's migrations`);
  await stage.db
    .insert(products)
    .values(
      ["keyboard", "mouse", "screen", "cable"].map((product) => ({ name: product, available: 100, onHand: 100 })),
    );
  const server = stage.spawn("server.ts", "web");
  const worker = stage.spawn("worker.ts", "worker-1");
  const url = (await server.waitForLine("Listening on")).replace("Listening on ", "");
  report.note(`the web server listens on ${url} (pid ${server.pid})`);
  await worker.waitForLine("Starting worker");
  report.note(`worker-1 works on all queues (pid ${worker.pid})`);

  const scene = { stage, report, worker, shop: new Shop(url) };
  for (const [index, step] of STEPS.entries()) {
    report.heading(`${index + 1}. ${step.title}`);
    await step.play(scene);
  }
  const { code } = await server.kill("SIGTERM");
  report.expect(`the web server ended with code ${code}`, code === 0);

  report.heading("In the end");
  await showState(stage);
}

async function showState({ db }: Stage): Promise<void> {
  const movements = sql<number>`(select count(*)::int from ${stockMovements} where ${stockMovements.orderId} = ${orders.id})`;
  const placed = await db
    .select({
      order: sql<string>`left(${orders.id}::text, 8)`,
      product: products.name,
      quantity: orders.quantity,
      email: orders.email,
      confirmed: sql<string>`case when ${orders.confirmedAt} is null then 'no' else 'yes' end`,
      movements,
    })
    .from(orders)
    .innerJoin(products, eq(products.id, orders.productId))
    .orderBy(asc(orders.createdAt));
  report.table(placed);
  const { id, status, taskName: task, attempts, rescues, queueName: queue, lock } = procrastinateJobs;
  const jobs = await db
    .select({ job: id, status, task, attempts, rescues, queue, lock })
    .from(procrastinateJobs)
    .orderBy(asc(id));
  console.log();
  report.table(jobs);
  console.log();
  const left = jobs.filter((job) => job.status !== "succeeded");
  const waiting = await db
    .select({ id })
    .from(procrastinateJobs)
    .where(inArray(status, ["todo"]));
  report.expect(
    `${jobs.length - left.length} jobs have succeeded, ${waiting.length} wait for the next worker, none is lost`,
    waiting.length === left.length && left.length === 2,
  );
  report.expect(
    "no order moved the stock twice",
    placed.every((order) => order.movements <= 1),
  );
}
