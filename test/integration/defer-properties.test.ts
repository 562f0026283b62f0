import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/json.ts";
import { textArray } from "../../src/sql/statement.ts";
import type { OnConflict } from "../../src/task/deferrer.ts";
import { defineTask } from "../../src/task/define-task.ts";
import { storableText } from "../support/any-text.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;

beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());
beforeEach(() => queue.clear());

const task = defineTask<JsonObject>({ name: "sample" });

/** What is likely to go wrong on its way through JSON, SQL and array literals. */
const TRAPS = [
  "'",
  '"',
  "\\",
  "$1",
  "--",
  "/*",
  ";",
  "{",
  "}",
  ",",
  "NULL",
  "\n",
  "\u0001",
  "\u2028",
  "😀",
  "e\u0301",
  "\uffff",
  " ",
];
const traps = fc.array(fc.constantFrom(...TRAPS), { maxLength: 12 }).map((parts) => parts.join(""));
const text = fc.oneof(storableText({ maxLength: 20 }), traps);
const name = text.filter((value) => value.length > 0 && [...value].length <= 128);
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(text, tie("json"), { maxKeys: 4 }),
  ),
}));
const args = fc.dictionary(text, json, { maxKeys: 6 }) as fc.Arbitrary<JsonObject>;

/** The same text for the same JSON, whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    const entries = Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1));
    // Not an object: a key __proto__ would change that instead.
    return [entries];
  });
}

describe("whatever is deferred comes back the same", () => {
  test("its arguments, one by one and in a batch", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(args, { minLength: 1, maxLength: 8 }), async (list) => {
        const app = queue.app([task]);
        const [first = {}] = list;
        const ids = [
          ...(await app.batchDefer(task, list)),
          ...(await Promise.all(list.map((one) => app.defer(task, one)))),
          await app.defer(task, first, { queueingLock: "a" }),
        ];
        const expected = [...list, ...list, first].map((one) => canonical(JSON.parse(JSON.stringify(one))));
        const stored = new Map((await queue.jobs()).map((job) => [job.id, canonical(job.args)]));
        expect(ids.map((id) => stored.get(id))).toEqual(expected);
        await queue.clear();
      }),
      { numRuns: 100 },
    );
  });

  test("its arguments when they replace others", async () => {
    const app = queue.app([task]);
    await fc.assert(
      fc.asyncProperty(args, async (one) => {
        await app.defer(task, one, { queueingLock: "a", onConflict: "replace" });
        const jobs = await queue.jobs();
        expect(jobs.map((job) => canonical(job.args))).toEqual([canonical(JSON.parse(JSON.stringify(one)))]);
      }),
      { numRuns: 100 },
    );
  });

  test("its names, locks and priority", async () => {
    const options = fc.record({
      queue: name,
      lock: fc.option(text),
      queueingLock: fc.option(text),
      priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    });
    await fc.assert(
      fc.asyncProperty(name, options, async (taskName, given) => {
        const named = defineTask({ name: taskName });
        const app = queue.app([named]);
        const id = await app.defer(named, {}, given);
        const expected = [{ id, task: taskName, ...given, queueingKey: given.queueingLock }];
        expect(await queue.jobs()).toMatchObject(expected);
        if (given.queueingLock !== null) {
          const again = { ...given, queueingLock: given.queueingLock };
          await expect(app.defer(named, {}, again)).rejects.toMatchObject({ queueingLock: given.queueingLock });
          expect(await app.defer(named, {}, { ...again, onConflict: "ignore" })).toBe(id);
          expect(await app.defer(named, {}, { ...again, onConflict: "replace" })).toBe(id);
        }
        expect(await queue.jobs()).toMatchObject(expected);
        await queue.clear();
      }),
      { numRuns: 100 },
    );
  });

  test("texts in an array literal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text), async (texts) => {
        const { rows } = await queue.pool.query("select to_json($1::text::text[]) as texts", [textArray(texts)]);
        expect(rows).toEqual([{ texts }]);
      }),
      { numRuns: 200 },
    );
  });
});

type Action =
  | { readonly kind: "defer"; readonly key: string | null; readonly onConflict: OnConflict; readonly inTx: boolean }
  | { readonly kind: "batch"; readonly keys: readonly (string | null)[]; readonly inTx: boolean }
  | { readonly kind: "start"; readonly key: string };

const key = fc.constantFrom("a", "b", "c", "d");
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant("defer" as const),
    key: fc.option(key, { freq: 5 }),
    onConflict: fc.constantFrom("throw" as const, "ignore" as const, "replace" as const),
    inTx: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("batch" as const),
    keys: fc.array(fc.option(key, { freq: 2 }), { maxLength: 6 }),
    inTx: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("start" as const), key }),
);

/** The queue as a list of jobs, each with its number and the key under which it waits. */
class Model {
  readonly jobs: { key: string | null; n: number }[] = [];

  #waiting(under: string | null): { key: string | null; n: number } | undefined {
    return under === null ? undefined : this.jobs.find((job) => job.key === under);
  }

  defer(under: string | null, n: number, onConflict: OnConflict): number | string {
    const waiting = this.#waiting(under);
    if (!waiting) return this.jobs.push({ key: under, n }) - 1;
    if (onConflict === "throw") return "already_enqueued";
    if (onConflict === "replace") waiting.n = n;
    return this.jobs.indexOf(waiting);
  }

  batch(keys: readonly (string | null)[], n: number): number[] | string {
    const keyed = keys.filter((one) => one !== null);
    const refused = new Set(keyed).size < keyed.length || keyed.some((one) => this.#waiting(one));
    return refused ? "already_enqueued" : keys.map((one) => this.jobs.push({ key: one, n }) - 1);
  }

  start(under: string): void {
    const waiting = this.#waiting(under);
    if (waiting) waiting.key = null;
  }
}

const keyed = defineTask<{ n: number; key: string | null }>({
  name: "keyed",
  queueingLock: (given) => given.key ?? undefined,
});
const START = "update procrastinate_jobs set status = 'doing', queueing_key = null where queueing_key = $1";

/** Does it on the model, and gives the places of the jobs in that or the code of the error. */
function predict(model: Model, step: Action, n: number): unknown[] {
  if (step.kind === "start") return [model.start(step.key)];
  return [step.kind === "defer" ? model.defer(step.key, n, step.onConflict) : model.batch(step.keys, n)].flat();
}

/** Does it on the queue, and gives the ids of the jobs or the code of the error. */
async function act(step: Action, n: number): Promise<unknown[]> {
  if (step.kind === "start") {
    await queue.pool.query(START, [step.key]);
    return [undefined];
  }
  const app = queue.app([task, keyed]);
  const write = (tx?: pg.PoolClient): Promise<unknown> => {
    const given = tx ? { tx } : {};
    if (step.kind === "defer")
      return app.defer(task, { n }, { ...given, queueingLock: step.key, onConflict: step.onConflict });
    return app.batchDefer(
      keyed,
      step.keys.map((one) => ({ n, key: one })),
      given,
    );
  };
  // A refusal leaves the transaction usable: whatever else it wrote would be committed.
  const settle = (tx?: pg.PoolClient): Promise<unknown> => write(tx).catch((error) => error.code);
  return [await (step.inTx ? queue.transaction(settle) : settle())].flat();
}

test("jobs with queueing locks are those of a simple model, whatever is done in whatever order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (steps) => {
      await queue.clear();
      const model = new Model();
      const ids: unknown[] = [];
      for (const [n, step] of steps.entries()) {
        const outcome = await act(step, n);
        // The model calls a job by its place, the queue by its id: the first time tells which is which.
        const expected = predict(model, step, n).map((place, index) => {
          if (typeof place !== "number") return place;
          ids[place] ??= outcome[index];
          return ids[place];
        });
        expect(outcome).toEqual(expected);
      }
      const jobs = await queue.jobs();
      expect(jobs.map((job) => job.id)).toEqual(ids);
      expect(jobs.map((job) => ({ key: job.queueingKey, n: job.args["n"] }))).toEqual(model.jobs);
    }),
    { numRuns: 60 },
  );
});
