import assert from "node:assert/strict";
import { defineTask, LeaseLostError } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import { type CaseDefinition, eventually, query } from "./case.ts";

const runsJobs: CaseDefinition = {
  name: "runs jobs with their arguments, retries and failures",
  async check({ app, queue }) {
    const heard: string[] = [];
    const say = defineTask({ name: "conformance.say", queue, run: ({ text }: { text: string }) => heard.push(text) });
    const fail = defineTask({
      name: "conformance.fail",
      queue,
      retry: 2,
      run: () => {
        throw new Error("on purpose");
      },
    });
    const working = app([say, fail]);
    await working.defer(say, { text: `é"\\'$1` });
    await working.defer(fail);
    const run = await runDueJobs(working, { queues: [queue] });
    assert.deepEqual(heard, [`é"\\'$1`]);
    assert.deepEqual([run.succeeded.length, run.retried.length, run.failed.length], [1, 2, 1]);
  },
};

const drains: CaseDefinition = {
  name: "runs hundreds of jobs once each, and those of one lock in their order",
  async check({ app, queue }) {
    const ran: number[] = [];
    const locked: number[] = [];
    const plain = defineTask({ name: "conformance.plain", queue, run: ({ n }: { n: number }) => ran.push(n) });
    const ordered = defineTask({
      name: "conformance.ordered",
      queue,
      lock: queue,
      run: ({ n }: { n: number }) => locked.push(n),
    });
    const working = app([plain, ordered]);
    const numbers = Array.from({ length: 300 }, (_none, n) => ({ n }));
    await working.batchDefer(plain, numbers);
    await working.batchDefer(ordered, numbers.slice(0, 50));
    await runDueJobs(working, { queues: [queue] });
    assert.deepEqual(
      ran.sort((a, b) => a - b),
      numbers.map(({ n }) => n),
    );
    assert.deepEqual(
      locked,
      numbers.slice(0, 50).map(({ n }) => n),
    );
  },
};

const completes: CaseDefinition = {
  name: "completes a job in the handler's own transaction, or not at all",
  async check({ connector, app, queue }) {
    let runs = 0;
    const task = defineTask({
      name: "conformance.complete",
      queue,
      retry: 2,
      run: (_args, context) =>
        connector.transaction(async (tx) => {
          await context.complete(tx, { runs: ++runs });
          if (runs === 1) throw new Error("after completing");
        }),
    });
    const working = app([task]);
    await working.defer(task);
    const run = await runDueJobs(working, { queues: [queue] });
    assert.deepEqual([run.retried.length, run.succeeded.length, runs], [1, 1, 2]);
    const found = "select status::text, result ->> 'runs' as runs from procrastinate_jobs where queue_name = $1::text";
    assert.deepEqual({ ...(await query(connector.pool, found, [queue]))[0] }, { status: "succeeded", runs: "2" });
  },
};

const fences: CaseDefinition = {
  name: "lets nobody complete a job that was given to another worker",
  async check({ connector, app, queue }) {
    let refused: unknown;
    const steal = "update procrastinate_jobs set lease = lease + 1 where id = $1::text::bigint returning id::text";
    const task = defineTask({
      name: "conformance.stolen",
      queue,
      async run(_args, context) {
        await query(connector.pool, steal, [String(context.job.id)]);
        await connector.transaction((tx) => context.complete(tx)).catch((error: unknown) => (refused = error));
      },
    });
    const working = app([task]);
    await working.defer(task);
    await runDueJobs(working, { queues: [queue] });
    assert.ok(refused instanceof LeaseLostError);
  },
};

const wakes: CaseDefinition = {
  name: "wakes an idle worker for a job that is committed, and stops when it is told to",
  async check({ connector, app, queue }) {
    const ran: bigint[] = [];
    const task = defineTask({ name: "conformance.woken", queue, run: (_args, { job }) => ran.push(job.id) });
    const working = app([task]);
    const worker = working.createWorker({ queues: [queue], installSignalHandlers: false });
    const done = worker.run();
    const first = await working.defer(task);
    await eventually("the first job ran", () => ran.length === 1);
    const second = await connector.transaction((tx) => working.defer(task, {}, { tx }));
    await eventually("the second job ran", () => ran.length === 2);
    await worker.stop();
    await done;
    assert.deepEqual(ran, [first, second]);
  },
};

const DIE = `with dead as (
    insert into procrastinate_workers (name, last_heartbeat) values ($2::text, now() - interval '1 hour') returning id
  ) update procrastinate_jobs j set status = 'doing', lease = 1, started_at = now(), running_lock = j.lock, worker_id = dead.id
  from dead where j.id = $1::text::bigint`;

const rescues: CaseDefinition = {
  name: "takes back the job of a worker that died, and with it its lock",
  async check({ connector, app, queue }) {
    const ran: bigint[] = [];
    const task = defineTask({
      ...{ name: "conformance.rescued", queue, lock: queue },
      run: (_args, { job }) => ran.push(job.id),
    });
    const working = app([task]);
    const ids = await working.batchDefer(task, [{}, {}]);
    await query(connector.pool, DIE, [String(ids[0]), queue]);
    assert.deepEqual(
      (await working.jobs.listStalled()).map(({ id }) => id).filter((id) => ids.includes(id)),
      ids.slice(0, 1),
    );
    const worker = working.createWorker({ queues: [queue], installSignalHandlers: false });
    const done = worker.run();
    await eventually("both jobs ran", () => ran.length === 2);
    await worker.stop();
    await done;
    assert.deepEqual(ran, ids);
    assert.equal((await working.jobs.history(ids[0] ?? 0n)).filter(({ type }) => type === "rescued").length, 1);
  },
};

export const workerCases: readonly CaseDefinition[] = [runsJobs, drains, completes, fences, wakes, rescues];
