// Checked by tsc: the testing kit, queues, retention. Never run.
import { expectTypeOf } from "vitest";
import { type Connector, createApp, defineTask, type QueueSummary, removeOldJobs } from "../../src/index.ts";
import {
  type DeferredJob,
  deferredJobs,
  expectDeferred,
  type JobsRun,
  runDueJobs,
  runTask,
  timeTravel,
} from "../../src/testing/index.ts";

interface OrmTransaction {
  readonly orm: "ours";
}

declare const connector: Connector<OrmTransaction>;
declare const tx: OrmTransaction;
declare const otherTx: { readonly client: "other" };

const task = defineTask<{ n: number; deep: { a: string; b: string[] } }>({ name: "sample", run: ({ n }) => n });
const app = createApp({ connector, tasks: [task], retention: { failed: "never", succeeded: { days: 1 } } });
createApp({ connector, tasks: [], retention: "never" });
// @ts-expect-error jobs that wait are never deleted
createApp({ connector, tasks: [], retention: { todo: { days: 1 } } });

export async function deferred(): Promise<void> {
  expectTypeOf(await expectDeferred(app, task, { tx, args: { deep: { a: "x" } }, times: 1 })).toEqualTypeOf<
    DeferredJob[]
  >();
  expectTypeOf(await deferredJobs(app, task)).toEqualTypeOf<DeferredJob[]>();
  // @ts-expect-error arguments of another type
  await expectDeferred(app, task, { args: { n: "1" } });
  // @ts-expect-error arguments that the task does not have
  await expectDeferred(app, task, { args: { m: 1 } });
  // @ts-expect-error a transaction of another ORM
  await expectDeferred(app, task, { tx: otherTx });
}

export async function running(): Promise<void> {
  expectTypeOf(await runDueJobs(app, { tx, queues: ["q"] })).toEqualTypeOf<JobsRun>();
  // @ts-expect-error a transaction of another ORM
  await runDueJobs(app, { tx: otherTx });
  await runTask(task, { n: 1, deep: { a: "", b: [] } }, { attempt: 2, job: { id: 1n } });
  // @ts-expect-error arguments are missing
  await runTask(task, { n: 1 });
  // @ts-expect-error a job has no such field
  await runTask(task, { n: 1, deep: { a: "", b: [] } }, { job: { name: "x" } });
  await timeTravel(app, { days: 1 }, { tx });
}

export async function queues(): Promise<void> {
  expectTypeOf(await app.queues.list()).toEqualTypeOf<QueueSummary[]>();
  expectTypeOf(await app.queues.pause("q", { tx })).toEqualTypeOf<boolean>();
  // @ts-expect-error a transaction of another ORM
  await app.queues.resume("q", { tx: otherTx });
}

export async function oldJobs(): Promise<void> {
  await app.defer(removeOldJobs, { maxHours: 72, removeFailed: true });
  await app.defer(removeOldJobs, { olderThan: { days: 3 }, queue: "q" });
  // @ts-expect-error how old is missing
  await app.defer(removeOldJobs, { queue: "q" });
  // @ts-expect-error one of the two
  await app.defer(removeOldJobs, { maxHours: 1, olderThan: { days: 3 } });
}
