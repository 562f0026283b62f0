// Checked by tsc: schedules and their arguments. Never run.
import { expectTypeOf } from "vitest";
import { z } from "zod";
import {
  type Connector,
  createApp,
  defineTask,
  type PeriodicSchedule,
  type PeriodicTask,
  periodic,
} from "../../src/index.ts";

declare const connector: Connector<{ readonly orm: "ours" }>;
declare const tx: { readonly orm: "ours" };
declare const otherTx: { readonly client: "other" };

const none = defineTask({ name: "none", run: () => undefined });
const optional = defineTask({ name: "optional", run: (_args: { n?: number }) => undefined });
const required = defineTask({ name: "required", run: (_args: { day: string }) => undefined });
const checked = defineTask({
  name: "checked",
  schema: z.object({ at: z.coerce.date() }),
  run: ({ at }) => at.getTime(),
});
const cron = "0 3 * * *";

export function whatFits(): PeriodicTask[] {
  return [
    periodic(none, { cron }),
    periodic(none, { cron, args: {} }),
    periodic(optional, { cron }),
    periodic(optional, { cron, args: { n: 1 } }),
    periodic(required, { cron, args: { day: "MON" } }),
    periodic(required, { cron, args: (at) => ({ day: at.toISOString() }) }),
    periodic(checked, { cron, args: { at: "2026-01-01" } }),
    periodic(none, { cron, timezone: "Europe/Paris", periodicId: "a", missed: "skip", maxDelay: { hours: 1 } }),
    periodic(none, { cron, queue: "q", priority: 1, lock: null, queueingLock: "k" }),
    periodic(none, { cron, lock: "l", lockMode: "mutex" }),
  ];
}

export function whatDoesNot(): void {
  // @ts-expect-error its arguments are missing
  periodic(required, { cron });
  // @ts-expect-error of the wrong type
  periodic(required, { cron, args: { day: 1 } });
  // @ts-expect-error of the wrong type, from a function
  periodic(required, { cron, args: () => ({ day: 1 }) });
  // @ts-expect-error a Date is no JSON
  periodic(defineTask<{ at: Date }>({ name: "date" }), { cron, args: (at) => ({ at }) });
  // @ts-expect-error no such policy
  periodic(none, { cron, missed: "twice" });
  // @ts-expect-error a schedule has no other time
  periodic(none, { cron, scheduleIn: { minutes: 1 } });
  // @ts-expect-error no such mode
  periodic(none, { cron, lockMode: "shared" });
  // @ts-expect-error when?
  periodic(none, {});
  // @ts-expect-error not made by periodic
  createApp({ connector, tasks: [none], periodic: [{ task: none, cron }] });
}

export async function stored(): Promise<void> {
  const app = createApp({ connector, tasks: [none, required], periodic: [periodic(none, { cron })] });
  expectTypeOf(await app.periodic.list()).toEqualTypeOf<readonly PeriodicSchedule[]>();
  expectTypeOf(await app.periodic.runNow("none")).toEqualTypeOf<bigint>();
  expectTypeOf(await app.periodic.remove(none, { periodicId: "a", tx })).toEqualTypeOf<boolean>();
  await app.periodic.add(none, { cron });
  await app.periodic.add(required, { cron, args: { day: "MON" } }, { tx });
  await app.periodic.pause(required, { tx });
  // @ts-expect-error its arguments are missing
  await app.periodic.add(required, { cron });
  // @ts-expect-error a function cannot be stored
  await app.periodic.add(required, { cron, args: () => ({ day: "MON" }) });
  // @ts-expect-error no lock cannot be stored
  await app.periodic.add(none, { cron, lock: null });
  // @ts-expect-error nor how it is locked
  await app.periodic.add(none, { cron, lockMode: "mutex" });
  // @ts-expect-error a transaction of another ORM
  await app.periodic.resume(none, { tx: otherTx });
}
