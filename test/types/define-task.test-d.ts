// Checked by tsc: what a task says about its arguments, handler, keys and retries. Never run.
import { expectTypeOf } from "vitest";
import { z } from "zod";
import { type App, defineTask, type JobContext, type JsonObject, retryStrategy, type Task } from "../../src/index.ts";

declare const app: App<object>;

class HttpError extends Error {}

/** The annotation of the handler is enough, if the handler comes before the keys. */
export const annotated = defineTask({
  name: "annotated",
  run: (args: { user: string; n?: number }, context) => {
    expectTypeOf(args.user).toEqualTypeOf<string>();
    expectTypeOf(context).toEqualTypeOf<JobContext>();
  },
  lock: ({ user }) => user,
  queueingLock: ({ user }) => (user === "" ? undefined : user),
});
expectTypeOf(annotated).toEqualTypeOf<Task<{ user: string; n?: number }, { user: string; n?: number }>>();

export const typed = defineTask<{ user: string }>({ name: "typed", run: async ({ user }) => user.length });
expectTypeOf(typed).toEqualTypeOf<Task<{ user: string }, { user: string }>>();

export const contract = defineTask<{ user: string }>({ name: "contract", queue: "mail" });
expectTypeOf(contract).toEqualTypeOf<Task<{ user: string }, { user: string }>>();

const schema = z.object({
  at: z.iso.datetime().transform((text) => new Date(text)),
  size: z.number().default(5),
  note: z.string().optional(),
});

/** The caller gives what the schema takes, and so do keys; the handler gets what the schema makes. */
export const coercing = defineTask({
  name: "coercing",
  schema,
  lock: ({ at, size }) => {
    expectTypeOf(at).toEqualTypeOf<string>();
    expectTypeOf(size).toEqualTypeOf<number | undefined>();
    return at;
  },
  run: ({ at, size, note }) => {
    expectTypeOf(at).toEqualTypeOf<Date>();
    expectTypeOf(size).toEqualTypeOf<number>();
    expectTypeOf(note).toEqualTypeOf<string | undefined>();
  },
});

/** A contract may have a schema, too. */
export const checked = defineTask({ name: "checked", schema: z.object({ user: z.string() }) });
expectTypeOf(checked).toEqualTypeOf<Task<{ user: string }, { user: string }>>();

export const loose = defineTask({
  name: "loose",
  schema: z.object({ data: z.any(), more: z.record(z.string(), z.json()) }),
});

export async function deferWithSchemas(): Promise<void> {
  await app.defer(coercing, { at: "2026-03-04T05:06:07Z" });
  await app.defer(coercing, { at: "2026-03-04T05:06:07Z", size: 1, note: "a" });
  // @ts-expect-error the caller gives a text, not what the schema makes of it
  await app.defer(coercing, { at: new Date(0) });
  // @ts-expect-error a part is missing
  await app.defer(coercing, { size: 1 });
  await app.defer(checked, { user: "a" });
  // @ts-expect-error a part has another type
  await app.defer(checked, { user: 1 });
  await app.defer(contract, { user: "a" });
  // @ts-expect-error a contract is as strict
  await app.defer(contract, {});
  await app.defer(annotated, { user: "a" });
  // @ts-expect-error a part has another type
  await app.defer(annotated, { user: "a", n: "1" });
  await app.defer(loose, { data: { anything: 1 }, more: { a: [null] } });
}

export function handlersThatDoNotFit(): void {
  // @ts-expect-error the handler wants what the schema does not make
  defineTask({ name: "wrong", schema, run: ({ at }: { at: string }) => at });
  // @ts-expect-error a lock is a text
  defineTask<{ n: number }>({ name: "wrong", lock: ({ n }) => n });
  // @ts-expect-error a lock cannot be made later
  defineTask({ name: "wrong", lock: async () => "a" });
  // @ts-expect-error a lock is made of the arguments
  defineTask<{ n: number }>({ name: "wrong", lock: ({ m }) => m });
  // @ts-expect-error arguments are an object
  defineTask<string>({ name: "wrong" });
  // @ts-expect-error a task has a name
  defineTask({ run: () => 1 });
  // @ts-expect-error there is no such option
  defineTask({ name: "wrong", quue: "a" });
  // @ts-expect-error a timeout is a duration
  defineTask({ name: "wrong", timeout: 5 });
  // @ts-expect-error a schema is a Standard Schema
  defineTask({ name: "wrong", schema: { parse: () => 1 } });
}

export function retries(): void {
  for (const retry of [true, false, 3, retryStrategy(), { decide: () => undefined }]) defineTask({ name: "a", retry });
  retryStrategy({ maxAttempts: 5, wait: { seconds: 1 }, jitter: 0.2, retryOn: [HttpError, (error) => error === null] });
  defineTask({
    name: "a",
    retry: {
      decide: ({ job, error, random }) => ({ retryIn: { seconds: job.attempts * random() }, queue: String(error) }),
    },
  });
  // @ts-expect-error there is no such option
  retryStrategy({ maxAttempt: 5 });
  // @ts-expect-error a list of classes
  retryStrategy({ retryOn: HttpError });
  // @ts-expect-error a class of errors
  retryStrategy({ retryOn: [Map] });
  // @ts-expect-error a duration has named parts
  retryStrategy({ wait: 5 });
  // @ts-expect-error there is no such part
  retryStrategy({ wait: { minute: 5 } });
  // @ts-expect-error "often" is no number
  defineTask({ name: "a", retry: "often" });
  // @ts-expect-error a decision is made at once
  defineTask({ name: "a", retry: { decide: async () => ({}) } });
}

export const inContext = defineTask<{ n: number }>({
  name: "context",
  run: async ({ n }, context) => {
    expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf(context.attempt).toEqualTypeOf<number>();
    expectTypeOf(context.job.id).toEqualTypeOf<bigint>();
    expectTypeOf(context.job.args).toEqualTypeOf<JsonObject>();
    expectTypeOf(await context.defer(contract, { user: `${n}` }, { tx: {} })).toEqualTypeOf<bigint>();
    expectTypeOf(await context.batchDefer(contract, [{ user: "a" }])).toEqualTypeOf<bigint[]>();
    await context.complete({}, { done: true });
    // @ts-expect-error arguments are checked here too
    await context.defer(contract, { user: n });
    // @ts-expect-error a result is JSON
    await context.complete({}, new Date(0));
    // @ts-expect-error a completion needs a transaction
    await context.complete();
  },
});
