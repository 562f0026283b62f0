// Checked by tsc: namespaces, lock modes, results, progress, log lines, decisions about retries. Never run.
import { expectTypeOf } from "vitest";
import { type App, defineTask, type LockMode, namespace, type RetryDecision, type Task } from "../../src/index.ts";

declare const app: App<object>;

const charge = defineTask({ name: "charge", aliases: ["pay"], run: ({ cents }: { cents: number }) => cents });
const audit = defineTask({ name: "audit" });

export async function namespaces(): Promise<void> {
  const billing = namespace("billing", { charge, audit });
  expectTypeOf(billing.charge).toEqualTypeOf<Task<{ cents: number }, { cents: number }>>();
  await app.defer(billing.charge, { cents: 1 });
  // @ts-expect-error its arguments are those of the task
  await app.defer(billing.charge, { cents: "1" });
  const [first, second] = namespace("billing", [charge, audit]);
  await app.defer(first, { cents: 1 });
  await app.defer(second);
  const nested = namespace("shop", billing);
  await app.defer(nested.charge, { cents: 1 });
  // @ts-expect-error there is no such task
  nested.refund;
  // @ts-expect-error a name is no task
  namespace("billing", ["charge"]);
  // @ts-expect-error aliases are a list
  defineTask({ name: "a", aliases: "b" });
}

export async function lockModes(): Promise<void> {
  const mode: LockMode = "mutex";
  defineTask({ name: "a", lock: "l", lockMode: mode });
  await app.defer(audit, {}, { lock: "l", lockMode: "ordered" });
  await app.batchDefer(audit, [{}], { lockMode: "mutex" });
  // @ts-expect-error there is no such mode
  defineTask({ name: "a", lockMode: "shared" });
  // @ts-expect-error there is no such mode
  await app.defer(audit, {}, { lockMode: "shared" });
}

export const saying = defineTask({
  name: "saying",
  storeResult: true,
  run: (_args, context) => {
    expectTypeOf(context.progress(50)).toEqualTypeOf<void>();
    context.progress({ done: 1, of: [2] });
    // @ts-expect-error progress is JSON
    context.progress(new Date(0));
    // @ts-expect-error progress is JSON
    context.progress({ at: 1n });
    context.log("info", "text");
    context.log("error", "text", { field: 1 });
    // @ts-expect-error there is no such level
    context.log("fatal", "text");
    // @ts-expect-error a line has a message
    context.log("info", { field: 1 });
    // They need no `this`, which the linter's rule against unbound methods asks for.
    const { progress, log, complete, defer, get } = context;
    expectTypeOf<ThisParameterType<typeof progress>>().toEqualTypeOf<void>();
    expectTypeOf<ThisParameterType<typeof log>>().toEqualTypeOf<void>();
    expectTypeOf<ThisParameterType<typeof complete>>().toEqualTypeOf<void>();
    expectTypeOf<ThisParameterType<typeof defer>>().toEqualTypeOf<void>();
    expectTypeOf<ThisParameterType<typeof get>>().toEqualTypeOf<void>();
    // @ts-expect-error progress is JSON, out of its context, too
    progress(new Date(0));
  },
});

export const decisions: RetryDecision[] = [
  { retryAt: new Date(0) },
  { retryIn: { seconds: 1 }, lock: null },
  // @ts-expect-error a moment is a Date
  { retryAt: "2030-01-01T00:00:00Z" },
];
