import type { Contender } from "../contender.ts";
import { createOrders, type Driver, drivers, openBusinessApp } from "./business.ts";

/** The app's transaction without any job: what adding a job is measured against. */
export const bare: readonly Contender[] = drivers.map((driver) => ({
  name: bareName(driver),
  keeps: "-",
  works: ["transaction"],
  tables: "orders",
  prepare: createOrders,
  connect: async (url) => {
    const app = await openBusinessApp(driver, url);
    return { transact: (payload) => app.order(payload), close: app.close };
  },
}));

export function bareName(driver: Driver): string {
  return `no job, ${driver}`;
}
