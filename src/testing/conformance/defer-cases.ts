import assert from "node:assert/strict";
import { AlreadyEnqueuedError, defineTask } from "../../index.ts";
import { type CaseDefinition, countJobs, query } from "./case.ts";

const bindsJobs: CaseDefinition = {
  name: "commits a job with the caller's transaction, and rolls it back with it",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.bound", queue });
    const { defer } = app([task]);
    const kept = await connector.transaction((tx) => defer(task, {}, { tx }));
    assert.equal(typeof kept, "bigint");
    const failing = connector.transaction(async (tx) => {
      await defer(task, {}, { tx });
      throw new Error("over");
    });
    await assert.rejects(failing, /over/);
    assert.equal(await countJobs(connector.pool, queue), 1);
  },
};

const survivesConflicts: CaseDefinition = {
  name: "leaves the caller's transaction usable when a queueing lock is taken",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.keyed", queue, queueingLock: queue });
    const { defer } = app([task]);
    const first = await defer(task);
    await connector.transaction(async (tx) => {
      await assert.rejects(defer(task, {}, { tx }), AlreadyEnqueuedError);
      await defer(task, {}, { tx, queueingLock: null });
      assert.equal(await defer(task, {}, { tx, onConflict: "ignore" }), first);
      assert.equal(await defer(task, {}, { tx, onConflict: "replace", priority: 5 }), first);
    });
    assert.equal(await countJobs(connector.pool, queue), 2);
  },
};

const storesArguments: CaseDefinition = {
  name: "stores arguments of a megabyte and texts of any kind, and hundreds of jobs at once",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.stored", queue, run: (args: { text: string }) => args });
    const { defer, batchDefer } = app([task]);
    const texts = [`é"\\'$1 \u2028`, "x".repeat(1024 * 1024), "日本"];
    for (const text of texts) await defer(task, { text });
    const stored = await query<{ text: string }>(
      connector.pool,
      "select args ->> 'text' as text from procrastinate_jobs where queue_name = $1::text order by id",
      [queue],
    );
    assert.deepEqual(
      stored.map(({ text }) => text),
      texts,
    );
    const argsList = Array.from({ length: 500 }, (_none, n) => ({ text: String(n) }));
    const ids = await batchDefer(task, argsList, { queueingLock: null });
    assert.equal(new Set(ids).size, 500);
    const more = await Promise.all(argsList.slice(0, 100).map((args) => defer(task, args)));
    assert.equal(new Set([...ids, ...more]).size, 600);
  },
};

const schedules: CaseDefinition = {
  name: "stores the time of a scheduled job to the millisecond, whatever the time zone of the session",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.scheduled", queue });
    const scheduleAt = new Date(4_102_444_800_123);
    await app([task]).defer(task, {}, { scheduleAt });
    const [row] = await query<{ ms: number }>(
      connector.pool,
      "select extract(epoch from scheduled_at)::float8 * 1000 as ms from procrastinate_jobs where queue_name = $1::text",
      [queue],
    );
    assert.equal(row?.ms, scheduleAt.getTime());
  },
};

export const deferCases: readonly CaseDefinition[] = [bindsJobs, survivesConflicts, storesArguments, schedules];
