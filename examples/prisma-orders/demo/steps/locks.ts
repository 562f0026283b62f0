import { setTimeout as sleep } from "node:timers/promises";
import { inMs } from "../../../orders-demo/report.ts";
import { eventually } from "../stage.ts";
import type { Step } from "./step.ts";

const LOCKED_PRODUCT = 2;
const OTHER_PRODUCT = 3;
/** What would be enough for the second movement to start, if the lock let it. */
const CHANCE_MS = 300;

export const locks: Step = {
  title: "Two stock movements of one product run in order and never at once; another product goes on beside them",
  async play({ stage: { world }, shop, report }) {
    const pickings = world.hold("/pickings");
    const place = (productId: number) => shop.order({ productId, quantity: 1, email: "dan@example.com" });
    const callOf = (orderId: string) => world.calls.find(({ idempotencyKey }) => idempotencyKey === `order:${orderId}`);

    const firstId = await place(LOCKED_PRODUCT);
    const first = await eventually(() => callOf(firstId));
    const secondId = await place(LOCKED_PRODUCT);
    const otherId = await place(OTHER_PRODUCT);
    const other = await eventually(() => callOf(otherId));
    report.expect("the other product does not wait: it has begun while the first is under way", !first.endedAt);
    await sleep(CHANCE_MS);
    report.expect(`${CHANCE_MS} ms later the second has not begun`, callOf(secondId) === undefined);
    pickings.release();
    const second = await eventually(() => callOf(secondId));
    await eventually(() => second.endedAt && other.endedAt);
    const firstEndedAt = first.endedAt ?? Number.NaN;
    const pause = second.startedAt - firstEndedAt;
    report.expect(`the second began ${inMs(pause)} after the end of the first`, pause >= 0);
    const table = { "product 2, first": first, "product 2, second": second, "product 3": other };
    report.table(
      Object.entries(table).map(([movement, { startedAt, endedAt }]) => ({
        movement,
        from: inMs(startedAt - first.startedAt),
        to: inMs((endedAt ?? Number.NaN) - first.startedAt),
      })),
    );
  },
};
