import type { Contender, Session } from "../contender.ts";
import { type BusinessTx, createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";
import { listenIdly } from "./idle-listener.ts";

/**
 * The app's transaction without any job: what adding a job is measured against. And with the least that tells a worker
 * of a job: what no queue can be better than that has a statement of its own in there.
 */
export const bare: readonly Contender[] = drivers.flatMap((driver) => [
  contender(bareName(driver), async (url) => {
    const app = await openBusinessApp(driver, url);
    return { transact: (payload) => app.order(payload), close: app.close };
  }),
  contender(`no job but a notification, ${driver}`, async (url) => {
    const app = await openBusinessApp(driver, url);
    return {
      transact: (payload, notifying) => app.order(payload, (tx) => (notifying ? notify(tx) : doNothing(tx))),
      listenIdly: () => listenIdly(url, "'bench'"),
      close: app.close,
    };
  }),
]);

export function bareName(driver: Driver): string {
  return `no job, ${driver}`;
}

function contender(name: string, connect: (url: string) => Promise<Session>): Contender {
  return { name, keeps: "-", works: ["transaction"], tables: "orders", prepare: createOrders, connect };
}

async function notify(business: BusinessTx): Promise<void> {
  if (business.orm === "prisma") await business.tx.$queryRaw`select pg_notify('bench', gen_random_uuid()::text)::text`;
  else await business.tx.execute("select pg_notify('bench', gen_random_uuid()::text)");
}

async function doNothing(business: BusinessTx): Promise<void> {
  if (business.orm === "prisma") await business.tx.$queryRaw`select 1`;
  else await business.tx.execute("select 1");
}
