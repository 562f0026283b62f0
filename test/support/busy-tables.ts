import type pg from "pg";

/** How many jobs of each kind there are, in the order of their ids. */
const KINDS = {
  finished: 150_000,
  waiting: 20_000,
  behindOneLock: 10_000,
  ofManyLocks: 10_000,
  scheduled: 20_000,
  due: 1_000,
  running: 2_000,
  runningLong: 1_000,
  runningWithLock: 300,
  orphans: 10,
} as const;
export type JobKind = keyof typeof KINDS;

export const ALL_JOBS = Object.values(KINDS).reduce((sum, count) => sum + count, 0);
/** The jobs that are not finished. */
export const LIVE_JOBS = ALL_JOBS - KINDS.finished;

const FINISHED_STATUS =
  "case when n <= 1000 then 'aborted' when n % 10 = 0 then 'failed' else 'succeeded' end::procrastinate_job_status";
const DOING = { status: "'doing'::procrastinate_job_status", lease: "1", started_at: "now()" };
const IN_FUTURE = "now() + n * interval '1 s'";
/** Ten a second become due, so that in the next minute and a half there are always some that did so lately. */
const ABOUT_NOW = "now() + (n - 100) * interval '0.1 s'";

const COLUMNS: Readonly<Record<JobKind, Readonly<Record<string, string>>>> = {
  finished: {
    ...{ status: FINISHED_STATUS, ready: "false", finished_at: "now() - interval '1 day'", lease: "1", worker_id: "1" },
    ...{
      lock: "case when n % 5 = 0 then 'lock ' || n % 1000 end",
      queueing_lock: "case when n % 7 = 0 then 'key ' || n end",
    },
  },
  waiting: {},
  behindOneLock: { lock: "'one'", ready: "false" },
  ofManyLocks: {
    queue_name: "'many ' || n % 200",
    lock: "'lock ' || n % 1000",
    queueing_lock: "'locked ' || n",
    queueing_key: "'locked ' || n",
  },
  scheduled: {
    ...{ scheduled_at: IN_FUTURE, wake_at: IN_FUTURE, ready: "false" },
    ...{ queueing_lock: "'key ' || n", queueing_key: "'key ' || n" },
  },
  due: { scheduled_at: ABOUT_NOW, wake_at: ABOUT_NOW, ready: "false" },
  running: { ...DOING, worker_id: "1 + (n - 1) / 100", queueing_lock: "'running ' || n" },
  runningLong: { ...DOING, worker_id: "21 + (n - 1) / 100", ready: "false", wake_at: "'infinity'::timestamptz" },
  runningWithLock: { ...DOING, worker_id: "31 + (n - 1) / 30", lock: "'busy ' || n", running_lock: "'busy ' || n" },
  orphans: { ...DOING, worker_id: "999" },
};

/** The id of the first job of a kind. */
export function firstOf(kind: JobKind): number {
  const kinds = Object.keys(KINDS) as JobKind[];
  return 1 + kinds.slice(0, kinds.indexOf(kind)).reduce((sum, before) => sum + KINDS[before], 0);
}

async function insert(pool: pg.Pool, kind: JobKind, count: number): Promise<void> {
  const columns = Object.entries({
    queue_name: "'q' || n % 3",
    task_name: "'task'",
    priority: "n % 5",
    ...COLUMNS[kind],
  });
  const [names, values] = [columns.map(([name]) => `, ${name}`), columns.map(([, value]) => `, ${value}`)];
  await pool.query(`insert into procrastinate_jobs (id${names.join("")})
    select ${firstOf(kind) - 1} + n${values.join("")} from generate_series(1, ${count}) n`);
}

const OTHERS = [
  `insert into procrastinate_events (job_id, type)
   select n, 'deferred_for_retry' from generate_series(1, 120000) n`,
  `insert into procrastinate_events (job_id, type) values (999999, 'logged')`,
  `insert into procrastinate_events (job_id, type)
   select id, 'deferred_for_retry' from procrastinate_jobs where status = 'doing'`,
  // Workers 31 to 40 are dead.
  `insert into procrastinate_workers (id, idle, queues, last_heartbeat)
   select n, n % 4 = 0, case when n % 2 = 0 then array['q0'] end, now() - case when n > 30 then interval '1 hour' else interval '0' end
   from generate_series(1, 40) n`,
  `insert into procrastinate_schedules (id, task_name, periodic_id, cron)
   select n, 'task', 'id ' || n, '* * * * *' from generate_series(1, 200) n`,
  `insert into procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp, job_id)
   select 'task', 'id ' || s, n * 60, n from generate_series(1, 200) s, generate_series(1, 200) n`,
  `select setval(pg_get_serial_sequence('procrastinate_jobs', 'id'), 1000000),
          setval(pg_get_serial_sequence('procrastinate_workers', 'id'), 1000)`,
];
const TABLES = ["jobs", "events", "periodic_defers", "schedules", "workers"].map((name) => `procrastinate_${name}`);

/** What Postgres knows of the tables when a statement is planned. */
export type Statistics = "none" | "of a few waiting jobs" | "of finished jobs" | "current";

/** Fills the tables as they are in the midst of much work. */
export async function fillTables(pool: pg.Pool, statistics: Statistics): Promise<void> {
  for (const table of TABLES) await pool.query(`alter table ${table} set (autovacuum_enabled = false)`);
  if (statistics === "of a few waiting jobs" || statistics === "of finished jobs") {
    await insert(pool, statistics === "of finished jobs" ? "finished" : "waiting", 1000);
    await pool.query(`vacuum analyze ${TABLES.join(", ")}`);
    await pool.query("delete from procrastinate_jobs");
  }
  for (const kind of Object.keys(KINDS) as JobKind[]) await insert(pool, kind, KINDS[kind]);
  for (const sql of OTHERS) await pool.query(sql);
  if (statistics === "current") await pool.query(`vacuum analyze ${TABLES.join(", ")}`);
}
