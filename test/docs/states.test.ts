import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type App, defineTask, JobAbortedError, type WorkerOptions } from "../../src/index.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker-run.ts";

const page = readFileSync(new URL("../../docs/managing-jobs.md", import.meta.url), "utf8");
const section = /\n## States\n(.*?)\n## /s.exec(page)?.[1] ?? "";
/** The rows of the table, without what brings the change about: `doing todo rescued as before`. */
const rows = [...section.matchAll(/^\| (\S+) \| (`\w+`) \| (\S+) \| ([\w ]+) \|/gm)].map((cells) =>
  cells.slice(1, 5).join(" ").replaceAll("`", ""),
);

let queue: TestQueue;
let app: App<object>;
beforeAll(async () => {
  queue = await openTestQueue();
  app = queue.app([task]);
});
afterAll(() => queue.close());

/** The jobs whose handlers were called, and their states then. */
const running = new Map<bigint, string>();
const task = defineTask({
  name: "t",
  retry: { decide: ({ job }) => (job.args["how"] === "retry" ? { retryIn: { hours: 1 } } : undefined) },
  run: async ({ how }: { how: string }, { signal, job }) => {
    running.set(job.id, (await app.jobs.get(job.id)).status);
    if (how === "return") return;
    if (how === "abort itself") throw new JobAbortedError();
    if (how === "wait") await once(signal, "abort");
    throw new Error("failed");
  },
});
const defer = (how: string): Promise<bigint> => app.defer(task, { how });
const change = (id: bigint, set: string) => queue.pool.query(`update procrastinate_jobs set ${set} where id = ${id}`);

/** What happened to jobs, as the rows say it. */
const seen = new Set<string>();
async function see(from: string, id: bigint): Promise<void> {
  const { status, attempts } = await app.jobs.get(id);
  const last = `select type from procrastinate_events where job_id = ${id} order by id desc limit 1`;
  const [event = { type: "none" }] = (await queue.pool.query(last)).rows;
  const counted = from === "nothing" ? String(attempts) : attempts === 0 ? "as before" : "one more";
  seen.add(`${from} ${status} ${event.type} ${counted}`);
}

/** While a worker runs a job that waits for its signal. */
async function whileRunning(options: WorkerOptions, act: (id: bigint) => Promise<unknown>): Promise<bigint> {
  await using _worker = startWorker(app, { shutdownGrace: { milliseconds: 10 }, ...options });
  const id = await defer("wait");
  await until(() => running.get(id) === "doing");
  await act(id);
  return id;
}

async function loseWorker(id: bigint, set: string): Promise<void> {
  const dead = `insert into procrastinate_workers (name, last_heartbeat) values ('dead', now() - interval '1 hour') returning id`;
  const { rows } = await queue.pool.query(dead);
  await change(id, `status = 'doing', lease = 1, worker_id = ${rows[0].id}, ${set}`);
  await using _worker = startWorker(app, { queues: ["other"] });
  await until(async () => (await app.jobs.get(id)).status !== "doing");
}

test("the page's table of states has all that happens, and nothing else", async () => {
  await see("nothing", await defer("return"));
  await queue.clear();
  for (const how of ["return", "throw", "retry", "abort itself"]) {
    const id = await defer(how);
    await runDueJobs(app);
    expect(running.get(id)).toBe("doing");
    await see("doing", id);
  }
  const deaf = { listen: false, abortPollingInterval: { minutes: 1 } };
  await see("doing", await whileRunning(deaf, (id) => see("todo", id)));
  await queue.clear();
  const asked = await whileRunning(deaf, async (id) => {
    await app.jobs.cancel(id, { abort: true });
    await see("doing", id);
  });
  await see("doing", asked);
  const heard = (id: bigint) => app.jobs.cancel(id, { abort: true }).then(() => app.jobs.wait(id));
  await see("doing", await whileRunning({}, heard));
  for (const set of ["rescues = 0", "rescues = 3, ready = false, wake_at = 'infinity'", "abort_requested = true"]) {
    const id = await defer("return");
    await loseWorker(id, set);
    await see("doing", id);
  }
  for (const status of ["failed", "aborted", "cancelled"]) {
    const id = await defer("return");
    await change(id, `status = '${status}', ready = false, finished_at = now()`);
    await app.jobs.retry(id);
    await see(status, id);
  }
  const replace = { queueingLock: "l", onConflict: "replace" } as const;
  const acts: ((id: bigint) => Promise<unknown>)[] = [
    (id) => app.jobs.cancel(id),
    (id) => app.jobs.reschedule(id, { scheduleIn: { hours: 1 } }),
    (id) => app.jobs.setPriority(id, 1),
    async (id) => expect(await app.defer(task, { how: "other" }, replace)).toBe(id),
  ];
  for (const act of acts) {
    const id = await app.defer(task, { how: "return" }, { queueingLock: act === acts.at(-1) ? "l" : null });
    await act(id);
    await see("todo", id);
  }
  expect(rows.length).toBeGreaterThan(15);
  expect([...seen].sort()).toEqual([...new Set(rows)].sort());
});
