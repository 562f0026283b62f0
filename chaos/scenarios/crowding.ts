import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** Handlers in transactions hold every connection that there is, in turns with the worker. */
async function exhaustedPool(stage: Stage): Promise<void> {
  await stage.crew.start(2, { max: 4 });
  await stage.deferring.batch("hoard", 40 * stage.scale, { args: { ms: 150 } });
  await stage.deferring.mixture(20 * stage.scale);
}

/** Every statement of the workers is serializable: they fail whenever two of them meet. */
async function serializable(stage: Stage): Promise<void> {
  await stage.crew.start(3, { settings: "-c default_transaction_isolation=serializable" });
  await stage.deferring.mixture(60 * stage.scale, { ms: 2 });
}

const DEADLOCKS = "select deadlocks::int as n from pg_stat_database where datname = current_database()";
const RUNNING = "select id from procrastinate_jobs where status = 'doing' order by id desc limit 40";

/** Somebody locks rows of the queue in the wrong order, so that statements end as victims. */
async function deadlocks(stage: Stage): Promise<void> {
  await stage.crew.start(2, { settings: "-c deadlock_timeout=20ms", options: { concurrency: 50 } });
  const rival = new pg.Client({ connectionString: stage.url, options: "-c deadlock_timeout=10s" });
  rival.on("error", () => undefined);
  await rival.connect();
  stage.defer(() => rival.end());
  const stop = stage.deferring.trickle({ ms: 20 });
  await stage.deferring.mixture(80 * stage.scale, { ms: 20 });
  await stage.until(async () => {
    await lockInReverse(rival);
    return ((await stage.rows<{ n: number }>(DEADLOCKS))[0]?.n ?? 0) >= 2 * stage.scale;
  }, "there were deadlocks");
  await stop();
}

async function lockInReverse(rival: pg.Client): Promise<void> {
  const { rows } = await rival.query<{ id: string }>(RUNNING);
  await rival.query("begin");
  for (const { id } of rows) {
    await rival.query("select 1 from procrastinate_jobs where id = $1 for update", [id]);
    await sleep(2);
  }
  await rival.query("commit");
}

const UNFINISHED = "select 1 from procrastinate_jobs where finished_at is null and task_name = 'hasty' limit 1";

/** Vacuum removes nothing while it is open. */
async function longTransaction(stage: Stage): Promise<void> {
  const report = new pg.Client({ connectionString: stage.url });
  report.on("error", () => undefined);
  await report.connect();
  stage.defer(() => report.end());
  await report.query("begin isolation level repeatable read");
  await report.query("select count(*) from procrastinate_jobs");
  await stage.crew.start(2);
  for (let wave = 0; wave < 3; wave++) {
    await stage.deferring.batch("hasty", 5000 * stage.scale);
    await stage.until(async () => (await stage.rows(UNFINISHED)).length === 0, "the wave is over");
    await stage.probe(Date.now());
  }
  await report.query("commit");
  await stage.deferring.mixture(20 * stage.scale);
}

async function manyQueues(stage: Stage, count: number): Promise<void> {
  await stage.crew.start(2, { allQueues: true });
  const queues = Array.from({ length: count }, (_, n) => `queue ${n}`);
  await stage.deferring.spread("hasty", queues);
  await stage.deferring.mixture(20 * stage.scale);
}

async function oneLock(stage: Stage, count: number): Promise<void> {
  await stage.deferring.batch("hasty", count, { lock: "the one", queue: "locked" });
  await stage.crew.start(2);
  await stage.deferring.mixture(20);
}

export const crowding: readonly Scenario[] = [
  { fault: "a pool whose connections are all held by handlers", play: exhaustedPool },
  { fault: "serialization failures, all sessions being serializable", play: serializable },
  { fault: "deadlocks with a session that locks jobs in the wrong order", play: deadlocks },
  { fault: "a long transaction that holds back vacuum", play: longTransaction },
  { fault: "1,000 queues", times: { short: 1, full: 0 }, play: (stage) => manyQueues(stage, 1000) },
  { fault: "10,000 queues", times: { short: 0, full: 1 }, fullScale: 1, play: (stage) => manyQueues(stage, 10_000) },
  { fault: "10,000 jobs of one lock", times: { short: 1, full: 0 }, play: (stage) => oneLock(stage, 10_000) },
  { fault: "1,000,000 jobs of one lock", times: { short: 0, full: 1 }, play: (stage) => oneLock(stage, 1_000_000) },
];
