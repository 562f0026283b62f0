import { eq, sql } from "drizzle-orm";
import { inMs } from "../../../orders-demo/report.ts";
import { procrastinateEvents, procrastinateJobs, products, stockMovements } from "../../src/schema.ts";
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
    const movements = () => stage.db.select().from(stockMovements).where(eq(stockMovements.orderId, orderId));
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
    const events = await stage.db.select().from(procrastinateEvents).where(eq(procrastinateEvents.jobId, job.id));
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
  await stage.db.transaction(async (tx) => {
    await tx.select().from(products).where(eq(products.id, PRODUCT)).for("no key update");
    pickings.release();
    await eventually(() => isSomebodyBlocked(stage));
    report.note("worker-1 has written the movement, not committed; its update of the stock waits for a row lock");
    const { signal } = await worker.kill("SIGKILL");
    report.expect(`worker-1 (pid ${worker.pid}) was ended by ${signal}`, signal === "SIGKILL");
  });
  return orderId;
}

async function isSomebodyBlocked({ db }: Stage): Promise<boolean> {
  const { rows } = await db.execute(
    sql`select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'update "products"%'`,
  );
  return rows.length > 0;
}

async function onHandOf({ db }: Stage): Promise<number> {
  const [product] = await db.select({ onHand: products.onHand }).from(products).where(eq(products.id, PRODUCT));
  return product?.onHand ?? Number.NaN;
}

/** xmin is the transaction that wrote a row's present version. */
async function wereOneCommit({ db }: Stage, orderId: string, jobId: bigint): Promise<boolean> {
  const rows = await db
    .select({ same: sql<boolean>`${stockMovements}.xmin = ${procrastinateJobs}.xmin` })
    .from(stockMovements)
    .innerJoin(procrastinateJobs, eq(procrastinateJobs.id, jobId))
    .where(eq(stockMovements.orderId, orderId));
  return rows.length === 1 && rows[0]?.same === true;
}
