import { inMs } from "../../../orders-demo/report.ts";
import { moveStock } from "../../src/tasks/move-stock.ts";
import { eventually, jobOf, type Stage } from "../stage.ts";
import type { Scene, Step } from "./step.ts";

const PRODUCT = 4;
const QUANTITY = 3;

export const crash: Step = {
  title: "A worker is killed in the middle of its transaction, another one takes over: exactly one effect",
  async play(scene) {
    const { stage, shop, report } = scene;
    const onHand = await onHandOf(stage);
    const orderId = await killInside(scene, () =>
      shop.order({ productId: PRODUCT, quantity: QUANTITY, email: "fay@example.com" }),
    );
    const killedAt = performance.now();
    const movements = () => stage.prisma.stockMovement.findMany({ where: { orderId } });
    const orphan = await jobOf(stage, orderId, moveStock);
    report.expect("nothing of the killed worker's writes is left", (await movements()).length === 0);
    report.note(`job ${orphan.id} still says "${orphan.status}", of worker ${orphan.workerId}, which is dead`);

    scene.worker = stage.spawn("worker.ts", "worker-2");
    const job = await eventually(async () => {
      const found = await jobOf(stage, orderId, moveStock);
      return found.status === "succeeded" && found;
    });
    report.expect(
      `worker-2 took the job over and ended it ${inMs(performance.now() - killedAt)} after the kill`,
      job.rescues === 1,
    );
    const events = await stage.prisma.procrastinateEvent.findMany({ where: { jobId: job.id } });
    report.expect(
      "the rescue is in the job's history",
      events.some(({ type }) => type === "rescued"),
    );
    const moved = onHand - (await onHandOf(stage));
    report.expect(
      `one movement is booked, and the stock fell by ${moved} once`,
      (await movements()).length === 1 && moved === QUANTITY,
    );
    report.expect("the movement and the job's completion are one commit", await wereOneCommit(stage, orderId, job.id));
  },
};

/** Holds the product's row, so that the handler's transaction stops after its first write; kills the worker there. */
async function killInside({ stage, report, worker }: Scene, order: () => Promise<string>): Promise<string> {
  const pickings = stage.world.hold("/pickings");
  const orderId = await order();
  await pickings.reached;
  await stage.prisma.$transaction(
    async (tx) => {
      await tx.$queryRaw`select id from products where id = ${PRODUCT} for no key update`;
      pickings.release();
      await eventually(() => isSomebodyBlocked(stage));
      report.note("worker-1 has written the movement, not committed; its update of the stock waits for a row lock");
      const { signal } = await worker.kill("SIGKILL");
      report.expect(`worker-1 (pid ${worker.pid}) was ended by ${signal}`, signal === "SIGKILL");
      // Prisma would give it five seconds, which a busy machine may need for the steps above.
    },
    { timeout: 60_000 },
  );
  return orderId;
}

async function isSomebodyBlocked({ prisma }: Stage): Promise<boolean> {
  const rows = await prisma.$queryRaw<object[]>`
    select pid from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like 'UPDATE %"products"%'`;
  return rows.length > 0;
}

async function onHandOf({ prisma }: Stage): Promise<number> {
  const product = await prisma.product.findUniqueOrThrow({ where: { id: PRODUCT } });
  return product.onHand;
}

/** xmin is the transaction that wrote a row's present version. */
async function wereOneCommit({ prisma }: Stage, orderId: string, jobId: bigint): Promise<boolean> {
  const rows = await prisma.$queryRaw<{ same: boolean }[]>`
    select m.xmin = j.xmin as same from stock_movements m join procrastinate_jobs j on j.id = ${jobId}
    where m.order_id = ${orderId}::uuid`;
  return rows.length === 1 && rows[0]?.same === true;
}
