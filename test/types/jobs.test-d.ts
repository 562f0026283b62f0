// Checked by tsc: what app.jobs takes and gives. Never run.
import { expectTypeOf } from "vitest";
import type {
  App,
  CancelOutcome,
  JobEvent,
  JobFilter,
  JobPage,
  JobStatus,
  JsonValue,
  StatusCounts,
  StoredJob,
  WorkerInfo,
} from "../../src/index.ts";

interface OrmTransaction {
  readonly orm: "ours";
}

declare const app: App<OrmTransaction>;
declare const tx: OrmTransaction;
declare const otherTx: { readonly client: "other" };

export async function whatIsGivenBack(): Promise<void> {
  expectTypeOf(await app.jobs.get(1n)).toEqualTypeOf<StoredJob>();
  expectTypeOf(await app.jobs.list()).toEqualTypeOf<JobPage>();
  expectTypeOf(await app.jobs.count()).toEqualTypeOf<StatusCounts>();
  expectTypeOf(await app.jobs.history(1n)).toEqualTypeOf<readonly JobEvent[]>();
  expectTypeOf(await app.jobs.wait(1n)).toEqualTypeOf<StoredJob>();
  expectTypeOf(await app.jobs.cancel(1n)).toEqualTypeOf<CancelOutcome>();
  expectTypeOf(await app.jobs.retry(1n)).toEqualTypeOf<void>();
  expectTypeOf(await app.jobs.deleteMany("all")).toEqualTypeOf<number>();
  expectTypeOf(await app.workers.list()).toEqualTypeOf<readonly WorkerInfo[]>();
  expectTypeOf<StoredJob["status"]>().toEqualTypeOf<JobStatus>();
  expectTypeOf<StoredJob["result"]>().toEqualTypeOf<JsonValue>();
}

export async function transactions(): Promise<void> {
  await app.jobs.cancel(1n, { tx, abort: true, delete: false });
  await app.jobs.retryMany({ status: "failed" }, { tx, scheduleIn: { minutes: 1 }, lock: null, batchSize: 10 });
  // @ts-expect-error: a transaction of another ORM
  await app.jobs.cancel(1n, { tx: otherTx });
  // @ts-expect-error: a transaction of another ORM
  await app.jobs.list({}, { tx: otherTx });
  // @ts-expect-error: it looks again and again, and a transaction may see nothing new
  await app.jobs.wait(1n, { tx });
}

export async function whatIsRefused(): Promise<void> {
  // @ts-expect-error: ids are bigints
  await app.jobs.get(1);
  // @ts-expect-error: no such state
  await app.jobs.list({ status: "done" });
  // @ts-expect-error: no such field
  await app.jobs.list({ state: "todo" });
  // @ts-expect-error: no such order
  await app.jobs.list({}, { orderBy: "args" });
  // @ts-expect-error: two times
  await app.jobs.retry(1n, { scheduleAt: new Date(0), scheduleIn: { minutes: 1 } });
  // @ts-expect-error: a queueing lock can only be dropped
  await app.jobs.retry(1n, { queueingLock: "k" });
  // @ts-expect-error: all jobs must be meant
  await app.jobs.cancelMany();
  // @ts-expect-error: counted in each state already
  await app.jobs.countBy("status");
}

export const filter: JobFilter = { id: [1n], queue: ["a", "b"], finishedAfter: new Date(0), args: { userId: "1" } };
