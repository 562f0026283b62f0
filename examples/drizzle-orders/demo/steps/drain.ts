import { count } from "drizzle-orm";
import { inMs } from "../../../orders-demo/report.ts";
import { procrastinateWorkers } from "../../src/schema.ts";
import { moveStock } from "../../src/tasks/move-stock.ts";
import { sendConfirmation } from "../../src/tasks/send-confirmation.ts";
import { eventually, jobOf } from "../stage.ts";
import type { Step } from "./step.ts";

export const drain: Step = {
  title: "SIGTERM: the worker ends what runs and takes nothing new",
  async play({ stage, shop, report, worker }) {
    const pickings = stage.world.hold("/pickings");
    const running = await shop.order({ productId: 1, quantity: 1, email: "gil@example.com" });
    await pickings.reached;
    await eventually(async () => (await jobOf(stage, running, sendConfirmation)).status === "succeeded");
    const signalledAt = performance.now();
    const exited = worker.kill("SIGTERM");
    await worker.waitForLine("Stop requested");
    const waiting = await shop.order({ productId: 1, quantity: 1, email: "hal@example.com" });
    pickings.release();
    const { code } = await exited;
    report.expect(
      `worker-2 ended with code ${code}, ${inMs(performance.now() - signalledAt)} after the signal`,
      code === 0,
    );
    report.expect("the job that ran has succeeded", (await jobOf(stage, running, moveStock)).status === "succeeded");
    report.expect(
      "the job that came later waits for the next worker",
      (await jobOf(stage, waiting, moveStock)).status === "todo",
    );
    const [workers] = await stage.db.select({ left: count() }).from(procrastinateWorkers);
    report.expect("no worker is registered any more", workers?.left === 0);
  },
};
