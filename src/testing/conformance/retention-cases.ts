import assert from "node:assert/strict";
import { defineTask, removeOldJobs } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import { type CaseDefinition, countJobs, query } from "./case.ts";

const AGE = "update procrastinate_jobs set finished_at = now() - interval '2 hours' where id = $1::text::bigint";
const EVENTS = "select count(*)::int as events from procrastinate_events where job_id = $1::text::bigint";

const removesOldJobs: CaseDefinition = {
  name: "deletes jobs that ended long ago, with their history, and no others",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.old", queue, run: (_args, context) => context.log("info", "kept") });
    const working = app([task]);
    const [old] = await working.batchDefer(task, [{}, {}]);
    await runDueJobs(working, { queues: [queue] });
    await query(connector.pool, AGE, [String(old)]);
    await working.defer(removeOldJobs, { olderThan: { hours: 1 }, queue });
    const run = await runDueJobs(working, { queues: ["builtin"] });
    assert.deepEqual(run.failed, []);
    assert.equal(await countJobs(connector.pool, queue), 1);
    assert.deepEqual({ ...(await query(connector.pool, EVENTS, [String(old)]))[0] }, { events: 0 });
  },
};

export const retentionCases: readonly CaseDefinition[] = [removesOldJobs];
