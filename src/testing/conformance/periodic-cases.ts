import assert from "node:assert/strict";
import { defineTask, periodic } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import { type CaseDefinition, eventually, query } from "./case.ts";

const defersTicks: CaseDefinition = {
  name: "defers one job per tick over two workers, and stores, pauses and removes schedules",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: queue, queue, run: (_args: { at: number }) => undefined });
    const inCode = periodic(task, { cron: "* * * * * *", missed: "all", args: (at) => ({ at: at.getTime() / 1000 }) });
    const own = app([task], { periodic: [inCode] });
    const workers = [1, 2].map(() => own.createWorker({ queues: [queue], installSignalHandlers: false }));
    const running = Promise.all(workers.map((worker) => worker.run()));
    const mine = async () => (await own.periodic.list()).filter(({ taskName }) => taskName === queue);
    try {
      await eventually("a tick has a job", async () => (await mine())[0]?.lastJobId != null);
      await connector.transaction((tx) =>
        own.periodic.add(task, { cron: "0 3 * * *", periodicId: "b", args: { at: 0 } }, { tx }),
      );
      await own.periodic.pause(task);
    } finally {
      for (const worker of workers) await worker.stop();
      await running;
    }
    assert.deepEqual(
      (await mine()).map(({ periodicId, args, nextTick }) => [periodicId, args, nextTick === null]),
      [
        ["", {}, true],
        ["b", { at: 0 }, false],
      ],
    );
    assert.equal(await own.periodic.remove(task, { periodicId: "b" }), true);
    await own.periodic.runNow(task);
    const ticks = `select count(*)::int as ticks, count(distinct j.id)::int as jobs from procrastinate_periodic_defers d
      left join procrastinate_jobs j on j.id = d.job_id and (j.args ->> 'at')::bigint = d.defer_timestamp where d.task_name = $1::text`;
    const [row] = await query<{ ticks: number; jobs: number }>(connector.pool, ticks, [queue]);
    assert.equal(row?.jobs, row?.ticks);
    const count = "select count(*)::int as jobs from procrastinate_jobs where task_name = $1::text";
    assert.equal((await query<{ jobs: number }>(connector.pool, count, [queue]))[0]?.jobs, (row?.jobs ?? 0) + 1);
  },
};

/** As if the worker had been away for a year. */
const FORGET = "delete from procrastinate_periodic_defers where task_name = $1::text";
const MISS = "update procrastinate_schedules set last_tick = last_tick - 86400 * 400 where task_name = $1::text";

const defersMissedTicks: CaseDefinition = {
  name: "makes up for a missed tick once, not while it is paused, and leaves it out where the queueing lock is taken",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: queue, queue, queueingLock: queue, run: (_args: { n: number }) => undefined });
    const own = app([task]);
    const yearly = { cron: "@yearly", missed: "once", maxDelay: { weeks: 60 }, args: { n: 1 } } as const;
    const runMissed = async (): Promise<number> => {
      for (const statement of [FORGET, MISS]) await query(connector.pool, statement, [queue]);
      return (await runDueJobs(own, { queues: [queue] })).succeeded.length;
    };
    await own.periodic.add(task, yearly);
    assert.equal(await runMissed(), 1);
    await own.periodic.pause(queue);
    assert.equal(await runMissed(), 0);
    await own.periodic.resume(queue);
    const waiting = await own.defer(task, { n: 2 }, { scheduleIn: { hours: 1 } });
    assert.equal(await runMissed(), 0);
    const [schedule] = (await own.periodic.list()).filter(({ taskName }) => taskName === queue);
    assert.deepEqual([schedule?.lastTick instanceof Date, schedule?.lastJobId], [true, null]);
    assert.equal((await own.jobs.get(waiting)).status, "todo");
    assert.equal(await own.periodic.remove(queue), true);
  },
};

export const periodicCases: readonly CaseDefinition[] = [defersTicks, defersMissedTicks];
