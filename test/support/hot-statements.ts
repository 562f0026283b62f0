import { adoptOrphans } from "../../src/sql/adopt-orphans.ts";
import { beatWorker } from "../../src/sql/beat-worker.ts";
import { cancelJobs } from "../../src/sql/cancel-jobs.ts";
import { changeJob } from "../../src/sql/change-job.ts";
import { checkRunningJobs } from "../../src/sql/check-running-jobs.ts";
import { completeJob } from "../../src/sql/complete-job.ts";
import { deferTicks } from "../../src/sql/defer-ticks.ts";
import { deleteAbortedJobs } from "../../src/sql/delete-aborted-jobs.ts";
import { deleteEventsOf } from "../../src/sql/delete-events.ts";
import { deleteJobs } from "../../src/sql/delete-jobs.ts";
import { deleteOldJobs } from "../../src/sql/delete-old-jobs.ts";
import { deleteOrphanEvents } from "../../src/sql/delete-orphan-events.ts";
import { endJobs } from "../../src/sql/end-jobs.ts";
import { fetchJob } from "../../src/sql/fetch-job.ts";
import { fetchJobs } from "../../src/sql/fetch-jobs.ts";
import { fetchLockedJobs } from "../../src/sql/fetch-locked-jobs.ts";
import { findJob, findJobStatus, findJobStory } from "../../src/sql/find-job.ts";
import { findRunState } from "../../src/sql/find-run-state.ts";
import { findUnlockedJobs } from "../../src/sql/find-unlocked-jobs.ts";
import { findWaitingJob } from "../../src/sql/find-waiting-job.ts";
import { finishAndDeleteJobs, finishJobs } from "../../src/sql/finish-jobs.ts";
import { insertJob } from "../../src/sql/insert-job.ts";
import { insertJobs, type NewJob } from "../../src/sql/insert-jobs.ts";
import { insertUniformJobs } from "../../src/sql/insert-uniform-jobs.ts";
import { FIRST_ID } from "../../src/sql/job-filter.ts";
import { listJobs } from "../../src/sql/list-jobs.ts";
import { listQueues } from "../../src/sql/list-queues.ts";
import { listReadyQueues } from "../../src/sql/list-ready-queues.ts";
import { listStalledJobs } from "../../src/sql/list-stalled-jobs.ts";
import { listStalledWorkers } from "../../src/sql/list-stalled-workers.ts";
import { listWorkerJobs } from "../../src/sql/list-worker-jobs.ts";
import { listWorkers } from "../../src/sql/list-workers.ts";
import { noteJob } from "../../src/sql/note-job.ts";
import { probeQueues } from "../../src/sql/probe-queues.ts";
import { promoteLocks } from "../../src/sql/promote-locks.ts";
import { pruneTicks } from "../../src/sql/prune-ticks.ts";
import { releaseJobs } from "../../src/sql/release-jobs.ts";
import { removeJobs } from "../../src/sql/remove-jobs.ts";
import { replaceWaitingJob } from "../../src/sql/replace-waiting-job.ts";
import { rescueJobs } from "../../src/sql/rescue-jobs.ts";
import { retryEndedJobs, retryKeyedJobs } from "../../src/sql/retry-ended-jobs.ts";
import { retryJobs } from "../../src/sql/retry-jobs.ts";
import { showSchedules } from "../../src/sql/show-schedules.ts";
import type { QueueSql } from "../../src/sql/statement.ts";
import { sweepLocks } from "../../src/sql/sweep-locks.ts";
import { wakeJobs } from "../../src/sql/wake-jobs.ts";
import { firstOf, type JobKind } from "./busy-tables.ts";

/** Jobs, queues or schedules of a batch. */
export const BATCH = 50;
const QUEUES = ["q0", "q1", "q2"];
/** As many as a fetch looks into. */
export const MANY_QUEUES = 64;
const manyQueues = Array.from({ length: MANY_QUEUES }, (_, n) => `many ${n}`);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const idsOf = (kind: JobKind): bigint[] => upTo(BATCH).map((n) => BigInt(firstOf(kind) + n));
/** Jobs that the worker 1 runs. */
const running = idsOf("running").map((id) => ({ id, lease: 1 }));
const mixed = [{ id: 0n, lease: 0 }, ...running];
const [one = { id: 0n, lease: 0 }] = running;
const withDetail = running.map((job) => ({ ...job, detail: { error: "Error" } }));
const retried = withDetail.map((job) => ({ ...job, delayMs: 0 }));

const newJob: NewJob = {
  ...{ queue: "q0", task: "task", priority: 0, lock: null, queueingLock: null, argsJson: "{}", atMs: null, inMs: null },
};
const locked = { ...newJob, lock: "lock 1", queueingLock: "key 1" };
const uniform = upTo(BATCH).map(() => newJob);
const differing = upTo(BATCH).map((n) => ({ ...newJob, priority: n, lock: `lock ${n}` }));
const keyed = upTo(BATCH).map((n) => ({
  ...differing[n],
  ...newJob,
  queueingLock: n % 2 ? `key ${n}` : `new ${n}`,
  inMs: n,
}));
const ticks = upTo(BATCH).map((n) => ({ scheduleId: BigInt(n + 1), tick: 9_999_999_960, job: newJob }));

const fronts = QUEUES.map((queue) => ({ queue, priority: 4, id: BigInt(firstOf("waiting")) }));
/** Queues of jobs with locks. */
const lockedQueues = manyQueues.slice(0, 3);
const lockedFronts = lockedQueues.map((queue, n) => ({ queue, priority: n, id: BigInt(firstOf("ofManyLocks")) }));
const fetch = { workerId: 1n, queues: QUEUES, limit: BATCH };
const lockedFetch = { ...fetch, queues: lockedQueues, window: BATCH, followers: 10, ownFollowers: 7 };
const wake = { workerId: 1n, limit: BATCH };
const some = { limit: BATCH / 2, exceptQueues: [], upTo: { priority: 4, id: BigInt(firstOf("finished")) } };
const keptMs = { succeeded: 0, failed: 0, cancelled: null, aborted: 0 };
const old = { after: 0n, limit: BATCH, keptMs, exclusive: true };
const byIds = (kind: JobKind) => ({ wanted: { ids: idsOf(kind).map(String) }, after: FIRST_ID, limit: BATCH });
const cancel = { abort: true, deleteJobs: false, inTransaction: true };
const again = { dropsQueueingLock: false, atMs: null, inMs: null };
const list = { wanted: {}, orderBy: "id", direction: "desc", after: undefined, limit: BATCH } as const;
const dead = { workerIds: [31n, 32n], stalledAfterMs: 60_000, maxRescues: 5, detail: {}, withKeys: true };

/** Statements by their names, each as the function that sends it. */
type Sends = Readonly<Record<string, (sql: QueueSql) => Promise<unknown>>>;

/** One job each. */
export const OF_ONE: Sends = {
  fetch_job: (sql) => fetchJob(sql, 1n, { id: BigInt(firstOf("waiting")), queue: "q1" }),
  insert_job: (sql) => insertJob(sql, newJob),
  "insert_job, queueing lock taken": (sql) => insertJob(sql, locked),
  find_waiting_job: (sql) => findWaitingJob(sql, "key 1"),
  replace_waiting_job: (sql) => replaceWaitingJob(sql, locked, { inTransaction: true }),
  complete_job: (sql) => completeJob(sql, 1n, one, { result: "1", deleteJob: false }),
  complete_and_delete_job: (sql) => completeJob(sql, 1n, one, { result: null, deleteJob: true }),
  note_job: (sql) => noteJob(sql, 1n, one, { progress: "1", lines: ["{}", "{}"] }),
  find_run_state: (sql) => findRunState(sql, 1n, one),
  delete_orphan_events: (sql) => deleteOrphanEvents(sql, 999_999n),
  find_job: (sql) => findJob(sql, one.id),
  find_job_status: (sql) => findJobStatus(sql, one.id),
  find_job_story: (sql) => findJobStory(sql, one.id),
  change_job: (sql) => changeJob(sql, BigInt(firstOf("ofManyLocks")), { priority: 9 }, { inTransaction: true }),
  beat_worker: (sql) => beatWorker(sql, { id: 1n, name: "worker", queues: QUEUES, idle: true }),
  list_stalled_workers: (sql) => listStalledWorkers(sql, 60_000, 1n),
};

/** A batch each. */
export const OF_MANY: Sends = {
  fetch_jobs: (sql) => fetchJobs(sql, fetch),
  fetch_jobs_from: (sql) => fetchJobs(sql, { ...fetch, fronts }),
  fetch_locked_jobs: (sql) => fetchLockedJobs(sql, lockedFetch),
  fetch_locked_jobs_from: (sql) => fetchLockedJobs(sql, { ...lockedFetch, fronts: lockedFronts }),
  promote_locks: (sql) => promoteLocks(sql, ["one", ...upTo(BATCH - 1).map((n) => `lock ${n}`)]),
  sweep_locks: (sql) => sweepLocks(sql, { from: "", limit: BATCH }),
  wake_jobs: (sql) => wakeJobs(sql, wake),
  "wake_jobs, recent": (sql) => wakeJobs(sql, { ...wake, sinceMs: Date.now() - 60_000 }),
  "wake_jobs, claimed": (sql) => wakeJobs(sql, { ...wake, claim: { limit: BATCH, exceptQueues: ["none"] } }),
  "wake_jobs, some claimed": (sql) => wakeJobs(sql, { ...wake, claim: { ...some, queues: QUEUES } }),
  find_unlocked_jobs: (sql) => findUnlockedJobs(sql, idsOf("running")),
  insert_jobs: (sql) => insertJobs(sql, differing),
  "insert_jobs, half of the queueing locks taken": (sql) => insertJobs(sql, keyed),
  insert_jobs_in_batch: (sql) => insertJobs({ ...sql, isBatch: true }, differing),
  insert_uniform_jobs: (sql) => insertUniformJobs(sql, uniform),
  finish_jobs: (sql) => finishJobs(sql, 1n, running),
  finish_jobs_of_leases: (sql) => finishJobs(sql, 1n, mixed),
  finish_and_delete_jobs: (sql) => finishAndDeleteJobs(sql, 1n, running),
  finish_and_delete_jobs_of_leases: (sql) => finishAndDeleteJobs(sql, 1n, mixed),
  end_jobs: (sql) =>
    endJobs(
      sql,
      1n,
      withDetail.map((job) => ({ ...job, status: "failed" })),
    ),
  retry_jobs: (sql) => retryJobs(sql, { workerId: 1n, jobs: retried, withKeys: true }),
  release_jobs: (sql) => releaseJobs(sql, { workerId: 1n, jobs: running, lockKeepers: mixed, withKeys: true }),
  check_running_jobs: (sql) => checkRunningJobs(sql, 1n, running),
  delete_jobs: (sql) => deleteJobs(sql, idsOf("waiting")),
  delete_aborted_jobs: (sql) => deleteAbortedJobs(sql, idsOf("finished")),
  delete_events: (sql) =>
    deleteEventsOf(
      sql,
      { jobs: idsOf("finished").map((id) => [id, "todo", "deleted"]), last: undefined, locks: [] },
      { inTransaction: false },
    ),
  delete_old_jobs: (sql) => deleteOldJobs(sql, old),
  "delete_old_jobs, of a queue": (sql) => deleteOldJobs(sql, { ...old, queue: "q1" }),
  list_ready_queues: (sql) => listReadyQueues(sql, { limit: BATCH, after: "" }),
  probe_queues: (sql) => probeQueues(sql, manyQueues),
  defer_ticks: (sql) => deferTicks(sql, ticks),
  prune_ticks: (sql) => pruneTicks(sql, { afterSeconds: 60, limit: BATCH }),
  show_schedules: showSchedules,
};

/** A batch of each queue, so that the order over the queues is kept. */
export const OF_MANY_QUEUES: Sends = {
  fetch_jobs: (sql) => fetchJobs(sql, { ...fetch, queues: manyQueues }),
  fetch_locked_jobs: (sql) => fetchLockedJobs(sql, { ...lockedFetch, queues: manyQueues }),
};

/** A batch each, with conditions that are in the plan only where the planner sees them. */
export const BY_CONDITIONS: Sends = {
  cancel_jobs: (sql) => cancelJobs(sql, byIds("waiting"), cancel),
  "cancel_jobs, running": (sql) => cancelJobs(sql, byIds("running"), cancel),
  remove_jobs: (sql) => removeJobs(sql, byIds("finished"), cancel),
  retry_ended_jobs: (sql) => retryEndedJobs(sql, byIds("finished"), again),
  reserve_queueing_keys: (sql) => retryKeyedJobs(sql, byIds("finished"), again),
  list_jobs_by_id_desc: (sql) => listJobs(sql, list),
  "list_jobs_by_id_desc, ids": (sql) => listJobs(sql, { ...list, ...byIds("finished"), after: undefined }),
};

/** They look at all that is not finished, as no index knows of the worker: when a worker died, and now and then. */
export const OF_ALL_LIVE: Sends = {
  rescue_jobs: (sql) => rescueJobs(sql, dead),
  adopt_orphans: adoptOrphans,
  list_stalled_jobs: (sql) => listStalledJobs(sql, { olderThanMs: 60_000, limit: BATCH }),
  list_worker_jobs: (sql) => listWorkerJobs(sql, 1n),
  list_workers: listWorkers,
  list_queues: listQueues,
};
