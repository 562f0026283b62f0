// Checked by tsc: options of deferring, transactions, bound tasks, apps. Never run.
import { expectTypeOf } from "vitest";
import {
  type App,
  type Connector,
  createApp,
  type DeferOptions,
  type Deferrer,
  defineTask,
  type Rights,
  type Task,
} from "../../src/index.ts";

interface OrmTransaction {
  readonly orm: "ours";
  insert(table: string): Promise<void>;
}

interface OtherTransaction {
  readonly client: "other";
}

declare const connector: Connector<OrmTransaction>;
declare const tx: OrmTransaction;
declare const otherTx: OtherTransaction;

const task = defineTask<{ n: number }>({ name: "sample", run: ({ n }) => n });
const none = defineTask({ name: "none" });
const app = createApp({ connector, tasks: [task, none] });
expectTypeOf(app).toEqualTypeOf<App<OrmTransaction>>();

export async function whatIsGivenBack(): Promise<void> {
  expectTypeOf(await app.defer(task, { n: 1 })).toEqualTypeOf<bigint>();
  expectTypeOf(await app.batchDefer(task, [])).toEqualTypeOf<bigint[]>();
  expectTypeOf(await app.configure(task, {}).defer({ n: 1 })).toEqualTypeOf<bigint>();
  expectTypeOf(await app.configure(task, {}).batchDefer([{ n: 1 }])).toEqualTypeOf<bigint[]>();
  expectTypeOf(await app.checkHealth()).toEqualTypeOf<Rights>();
}

export async function schedules(): Promise<void> {
  await app.defer(task, { n: 1 }, { scheduleAt: new Date(0) });
  await app.defer(task, { n: 1 }, { scheduleAt: "2026-03-04T05:06:07Z" });
  await app.defer(task, { n: 1 }, { scheduleIn: { minutes: 5, seconds: 1.5 } });
  const both = { scheduleAt: new Date(0), scheduleIn: { minutes: 5 } };
  // @ts-expect-error one of them
  await app.defer(task, { n: 1 }, both);
  // @ts-expect-error one of them
  await app.defer(task, { n: 1 }, { scheduleAt: new Date(0), scheduleIn: { minutes: 5 } });
  // @ts-expect-error one of them, in a batch too
  await app.batchDefer(task, [{ n: 1 }], { scheduleAt: new Date(0), scheduleIn: { minutes: 5 } });
  // @ts-expect-error one of them, bound too
  app.configure(task, { scheduleAt: new Date(0), scheduleIn: { minutes: 5 } });
  // @ts-expect-error a number is no moment
  await app.defer(task, { n: 1 }, { scheduleAt: 1_700_000_000_000 });
  // @ts-expect-error a number is no duration
  await app.defer(task, { n: 1 }, { scheduleIn: 5000 });
  // @ts-expect-error there is no such part
  await app.defer(task, { n: 1 }, { scheduleIn: { minute: 5 } });
  // @ts-expect-error months have no fixed length
  await app.defer(task, { n: 1 }, { scheduleIn: { months: 1 } });
}

export async function transactions(): Promise<void> {
  await app.defer(task, { n: 1 }, { tx });
  await app.defer(none, undefined, { tx });
  await app.batchDefer(task, [{ n: 1 }], { tx });
  await app.configure(task, { tx }).defer({ n: 1 });
  await app.configure(task, {}).defer({ n: 1 }, { tx });
  // @ts-expect-error it is another ORM's
  await app.defer(task, { n: 1 }, { tx: otherTx });
  // @ts-expect-error it is another ORM's
  await app.batchDefer(task, [{ n: 1 }], { tx: otherTx });
  // @ts-expect-error it is another ORM's
  app.configure(task, { tx: otherTx });
  // @ts-expect-error it is another ORM's
  await app.configure(task, {}).defer({ n: 1 }, { tx: otherTx });
  // @ts-expect-error it is none
  await app.defer(task, { n: 1 }, { tx: "begin" });
  // @ts-expect-error an app is none
  await app.defer(task, { n: 1 }, { tx: app });
}

export async function options(): Promise<void> {
  const all: DeferOptions<OrmTransaction> = {
    queue: "a",
    priority: 1,
    lock: null,
    queueingLock: "b",
    onConflict: "ignore",
    scheduleIn: {},
    tx,
  };
  await app.defer(task, { n: 1 }, all);
  // @ts-expect-error there is no such option
  await app.defer(task, { n: 1 }, { quue: "a" });
  // @ts-expect-error there is no such choice
  await app.defer(task, { n: 1 }, { onConflict: "skip" });
  // @ts-expect-error a batch is written whole or not at all
  await app.batchDefer(task, [{ n: 1 }], { onConflict: "ignore" });
  // @ts-expect-error a lock of one call is a text
  await app.defer(task, { n: 1 }, { lock: ({ n }) => `${n}` });
  // @ts-expect-error a priority is a number
  await app.defer(task, { n: 1 }, { priority: "1" });
  // @ts-expect-error options come third
  await app.defer(none, { queue: "a" });
}

export async function whatDefers(deferrer: Deferrer<OrmTransaction>, given: Task<{ n: number }>): Promise<void> {
  await deferrer.defer(given, { n: 1 }, { tx });
  await app.defer(app.getTask("sample"), { n: 1 }, { tx });
  const any: Deferrer<OrmTransaction> = app;
  await any.batchDefer(given, [{ n: 1 }]);
  // @ts-expect-error a name is no task
  await app.defer("sample", { n: 1 });
  // @ts-expect-error a handler is no task
  await app.defer(({ n }: { n: number }) => n, { n: 1 });
  // @ts-expect-error a task of other arguments is another task
  const other: Task<{ n: string }> = given;
  await app.defer(other, { n: "1" });
}

export function apps(): void {
  createApp({ connector, tasks: [] });
  createApp({ connector, tasks: [task], tables: { schema: "queue", prefix: "pq_" }, maxArgsBytes: 1000 });
  // @ts-expect-error an app needs a connector
  createApp({ tasks: [task] });
  // @ts-expect-error an app needs tasks
  createApp({ connector });
  // @ts-expect-error there is no such option
  createApp({ connector, tasks: [task], conector: connector });
  // @ts-expect-error these are no tasks
  createApp({ connector, tasks: [{ name: "sample" }] });
  // @ts-expect-error there is no such option
  createApp({ connector, tasks: [task] }).createWorker({ concurency: 5 });
}
