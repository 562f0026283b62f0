import { constants } from "node:os";
import { Report } from "../../orders-demo/report.ts";
import { Shop } from "../../orders-demo/shop.ts";
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
  report.heading("An order service on Prisma, and its worker");
  const stage = await buildStage();
  const { name, version, origin } = stage.database;
  report.note(`Postgres ${version}, ${origin}; database ${name}, tables by the example's migrations`);
  const names = ["keyboard", "mouse", "screen", "cable"];
  await stage.prisma.product.createMany({ data: names.map((name) => ({ name, available: 100, onHand: 100 })) });
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

async function showState({ prisma }: Stage): Promise<void> {
  const orders = await prisma.order.findMany({
    orderBy: { createdAt: "asc" },
    include: { product: true, _count: { select: { movements: true } } },
  });
  const placed = orders.map(({ id, product, quantity, email, confirmedAt, _count: { movements } }) => ({
    order: id.slice(0, 8),
    product: product.name,
    quantity,
    email,
    confirmed: confirmedAt === null ? "no" : "yes",
    movements,
  }));
  report.table(placed);
  const jobs = await prisma.procrastinateJob.findMany({ orderBy: { id: "asc" } });
  console.log();
  report.table(
    jobs.map(({ id, status, taskName, attempts, rescues, queueName, lock }) => ({
      job: id,
      status,
      task: taskName,
      attempts,
      rescues,
      queue: queueName,
      lock,
    })),
  );
  console.log();
  const left = jobs.filter((job) => job.status !== "succeeded");
  const waiting = jobs.filter((job) => job.status === "todo");
  report.expect(
    `${jobs.length - left.length} jobs have succeeded, ${waiting.length} wait for the next worker, none is lost`,
    waiting.length === left.length && left.length === 2,
  );
  report.expect(
    "no order moved the stock twice",
    placed.every((order) => order.movements <= 1),
  );
}
