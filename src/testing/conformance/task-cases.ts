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

const leavesNothing: CaseDefinition = {
  name: "deletes a job that its handler completed, with what it said, and lists its worker meanwhile",
  async check({ connector, app, queue }) {
    const listed: (readonly [string[] | undefined, number, boolean])[] = [];
    const task = defineTask({
      name: "conformance.deleted",
      queue,
      run: async (_args, { worker, log, progress, complete }) => {
        log("info", "said");
        progress(1);
        const mine = (await working.workers.list()).find(({ name }) => name === worker.name);
        if (mine) listed.push([mine.queues?.slice(), mine.runningJobs, mine.startedAt instanceof Date]);
        await connector.transaction((tx) => complete(tx));
      },
    });
    const working = app([task]);
    const id = await working.defer(task);
    const run = await runDueJobs(working, { queues: [queue], name: queue, deleteJobs: "successful" });
    assert.deepEqual([run.succeeded.length, listed], [1, [[[queue], 1, true]]]);
    const left = `select (select count(*)::int from procrastinate_jobs where id = $1::text::bigint) as jobs,
      (select count(*)::int from procrastinate_events where job_id = $1::text::bigint) as events`;
    assert.deepEqual({ ...(await query(connector.pool, left, [String(id)]))[0] }, { jobs: 0, events: 0 });
    await working.checkHealth();
    const { tablesVersion, packageVersion } = await working.checkTables();
    assert.equal(tablesVersion, packageVersion);
  },
};

export const taskCases: readonly CaseDefinition[] = [tells, passes, leavesNothing];
