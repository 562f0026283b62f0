// Checked by tsc: middleware, context keys, deferring by name. Never run.
import { expectTypeOf } from "vitest";
import {
  type App,
  type ContextValue,
  contextKey,
  type DeferMiddleware,
  defineTask,
  type JobContext,
  type JobMiddleware,
  type TaskInput,
} from "../../src/index.ts";

declare const app: App<{ readonly orm: "ours" }>;

export const middleware: JobMiddleware = (context, next) => {
  expectTypeOf(context).toEqualTypeOf<JobContext>();
  expectTypeOf(next()).toEqualTypeOf<Promise<unknown>>();
  return next();
};
// @ts-expect-error it gives a promise
export const synchronous: JobMiddleware = () => 1;
export const around: DeferMiddleware = async ({ task, argsList, options, isBatch }, next) => {
  expectTypeOf(task.name).toEqualTypeOf<string>();
  expectTypeOf(argsList).toEqualTypeOf<readonly unknown[]>();
  expectTypeOf(isBatch).toEqualTypeOf<boolean>();
  return next({ options: { ...options, priority: 1 } });
};
// @ts-expect-error it gives ids
export const withoutIds: DeferMiddleware = async (_deferral, next) => void (await next());

const database = contextKey<{ readonly url: string }>("database");
expectTypeOf(database.with({ url: "a" })).toEqualTypeOf<ContextValue>();
// @ts-expect-error a key is given its own type
database.with({ uri: "a" });

const send = defineTask({
  name: "send",
  middleware: [middleware],
  run: ({ to }: { to: string }, context) => {
    expectTypeOf(context.get(database)).toEqualTypeOf<{ readonly url: string }>();
    expectTypeOf(context.worker.stop()).toEqualTypeOf<void>();
    return to;
  },
});
expectTypeOf<TaskInput<typeof send>>().toEqualTypeOf<{ to: string }>();
// @ts-expect-error a list
defineTask({ name: "wrong", middleware });
app.createWorker({ middleware: [middleware], context: [database.with({ url: "a" })] });
// @ts-expect-error values are given under their keys
app.createWorker({ context: [{ url: "a" }] });

export async function byName(): Promise<void> {
  expectTypeOf(await app.deferByName<typeof send>("send", { to: "a" })).toEqualTypeOf<bigint>();
  expectTypeOf(await app.batchDeferByName<typeof send>("send", [{ to: "a" }])).toEqualTypeOf<bigint[]>();
  await app.deferByName("any", { what: ["ever"] }, { allowUnknown: true, tx: { orm: "ours" } });
  await app.deferByName("any");
  // @ts-expect-error a part is missing
  await app.deferByName<typeof send>("send", {});
  // @ts-expect-error arguments are not left out
  await app.deferByName<typeof send>("send");
  // @ts-expect-error a part has another type
  await app.batchDeferByName<typeof send>("send", [{ to: 1 }]);
  // @ts-expect-error arguments are JSON
  await app.deferByName("any", { at: new Date(0) });
  // @ts-expect-error there is no such option
  await app.deferByName("any", {}, { unknown: true });
  // @ts-expect-error it is another ORM's
  await app.deferByName("any", {}, { tx: { orm: "theirs" } });
}
