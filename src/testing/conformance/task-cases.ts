import assert from "node:assert/strict";
import { defineTask } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import { type CaseDefinition, query } from "./case.ts";

const TOLD = `select j.status::text, j.result::text, j.progress::text,
  (select json_agg(e.detail ->> 'message' order by e.id)::text from procrastinate_events e where e.job_id = j.id) as lines
  from procrastinate_jobs j where j.queue_name = $1::text`;

const tells: CaseDefinition = {
  name: "stores what a handler returns, how far it is, and what it logs",
  async check({ connector, app, queue }) {
    const task = defineTask({
      name: "conformance.tells",
      queue,
      storeResult: true,
      run: async (_args, context) => {
        context.progress({ percent: 50 });
        context.log("info", `é"\\'$1`, { n: 1 });
        context.log("warn", "second\u0000");
        return { text: `é"\\'$1\u0000`, list: [1, null] };
      },
    });
    const working = app([task]);
    await working.defer(task);
    await runDueJobs(working, { queues: [queue] });
    const [row] = await query<{ result: string; progress: string; lines: string; status: string }>(
      connector.pool,
      TOLD,
      [queue],
    );
    assert.equal(row?.status, "succeeded");
    assert.deepEqual(JSON.parse(row.result), { text: `é"\\'$1\uFFFD`, list: [1, null] });
    assert.deepEqual(JSON.parse(row.progress), { percent: 50 });
    assert.deepEqual(JSON.parse(row.lines), [`é"\\'$1`, "second\uFFFD"]);
  },
};

const passes: CaseDefinition = {
  name: "passes jobs with lockMode mutex while they wait for their time, and never runs two of a lock at once",
  async check({ app, queue }) {
    const ran: number[] = [];
    let running = 0;
    const task = defineTask({
      name: "conformance.mutex",
      queue,
      lock: queue,
      lockMode: "mutex",
      run: async ({ n }: { n: number }) => {
        assert.equal(running++, 0);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        ran.push(n);
      },
    });
    const working = app([task]);
    await working.defer(task, { n: 0 }, { scheduleIn: { hours: 1 } });
    await working.batchDefer(task, [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const run = await runDueJobs(working, { queues: [queue], concurrency: 3 });
    assert.deepEqual([ran, run.failed], [[1, 2, 3], []]);
  },
};

export const taskCases: readonly CaseDefinition[] = [tells, passes];
