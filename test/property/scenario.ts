import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { defineTask, type JobContext, retryStrategy } from "../../src/index.ts";
import type { TestQueue } from "../support/test-queue.ts";
import { until } from "../support/until.ts";
import { FAST, QUICK_RESCUE } from "../support/worker-run.ts";

/** What a run of a job does. */
type Behaviour = "succeed" | "complete" | "fail" | "fail later" | "roll back";

/** A job of a scenario: what it is deferred with, and what each of its runs does. */
const job = fc.record({
  lock: fc.option(fc.constantFrom("a", "b", "c"), { nil: null, freq: 3 }),
  mutex: fc.boolean(),
  priority: fc.integer({ min: -2, max: 2 }),
  queue: fc.constantFrom("one", "two", "three"),
  delayMs: fc.constantFrom(0, 0, 5, 60),
  failures: fc.array(fc.constantFrom<Behaviour>("fail", "fail later", "roll back"), { maxLength: 2 }),
  end: fc.constantFrom<Behaviour>("succeed", "succeed", "complete", "fail"),
  durationMs: fc.constantFrom(0, 0, 0, 1, 5),
});

const worker = fc.record({ concurrency: fc.integer({ min: 1, max: 8 }), maxPrefetch: fc.constantFrom(0, 5, 1000) });

/** After so many runs a worker is stopped and another takes its place, or all connections are ended. */
const trouble = fc.record({ after: fc.integer({ min: 1, max: 60 }), what: fc.constantFrom("stop", "disconnect") });

export const scenario = fc.record({
  jobs: fc.array(job, { minLength: 1, maxLength: 80 }),
  workers: fc.array(worker, { minLength: 1, maxLength: 3 }),
  troubles: fc.array(trouble, { maxLength: 3 }),
});
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type JobOfScenario = Scenario["jobs"][number];

/** What the handlers of a scenario saw. */
export class Witness {
  readonly runs: { readonly n: number; readonly at: number }[] = [];
  readonly dueAt = new Map<number, number>();
  overlaps = 0;
  readonly #held = new Set<string>();

  begin(n: number, lock: string | null): void {
    this.runs.push({ n, at: Date.now() });
    if (lock === null) return;
    if (this.#held.has(lock)) this.overlaps++;
    this.#held.add(lock);
  }

  end(lock: string | null): void {
    if (lock !== null) this.#held.delete(lock);
  }

  runsOf(n: number): number {
    return this.runs.filter((run) => run.n === n).length;
  }
}

class Final extends Error {}

async function behave(
  queue: TestQueue,
  spec: JobOfScenario,
  run: number,
  context: JobContext,
  n: number,
): Promise<void> {
  const failure = spec.failures[run];
  const behaviour = failure ?? spec.end;
  if (behaviour === "fail") throw failure === undefined ? new Final("for good") : new Error("again");
  if (spec.durationMs > 0) await new Promise((resolve) => setTimeout(resolve, spec.durationMs));
  if (behaviour === "fail later") throw new Error("again");
  if (behaviour === "succeed") return;
  await queue.transaction(async (tx) => {
    await tx.query("insert into effects values ($1)", [n]);
    await context.complete(tx);
    if (behaviour === "roll back") throw new Error("rolled back");
  });
}

export async function isOver(queue: TestQueue): Promise<boolean> {
  return (await queue.jobs()).every(({ status }) => status !== "todo" && status !== "doing");
}

/** Waits until they are gone: a worker that is started next would be given one of them. */
const DISCONNECT = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where pid <> pg_backend_pid() and datname = current_database()`;

/** Plays a scenario to its end: all jobs are deferred before the first worker starts. */
export async function play(queue: TestQueue, { jobs, workers, troubles }: Scenario): Promise<Witness> {
  const witness = new Witness();
  const task = defineTask({
    name: "job",
    // Connections that are ended cost runs, too.
    retry: retryStrategy({ maxAttempts: 50, retryOn: [(error) => !(error instanceof Final)] }),
    run: async ({ n }: { n: number }, context) => {
      const spec = jobs[n];
      const run = witness.runsOf(n);
      witness.begin(n, context.job.lock);
      try {
        if (spec) await behave(queue, spec, run, context, n);
      } finally {
        witness.end(context.job.lock);
      }
    },
  });
  const app = queue.app([task]);
  for (const [n, { lock, mutex, priority, queue: name, delayMs }] of jobs.entries()) {
    witness.dueAt.set(n, Date.now() + delayMs);
    const scheduleIn = delayMs === 0 ? {} : { scheduleIn: { milliseconds: delayMs } };
    const lockMode = mutex ? "mutex" : "ordered";
    await app.defer(task, { n }, { lock, lockMode, priority, queue: name, ...scheduleIn });
  }
  // A worker whose connections are ended while it starts does not start; one that runs survives it.
  const start = async (options: Scenario["workers"][number]) => {
    const started = app.createWorker({ ...FAST, ...QUICK_RESCUE, ...options });
    const isRunning = new Promise((resolve) => started.on("start_worker", resolve));
    await Promise.race([isRunning, started.run()]);
    return { options, started };
  };
  const running = await Promise.all(workers.map(start));
  for (const { after, what } of troubles.toSorted((a, b) => a.after - b.after)) {
    await until(async () => witness.runs.length >= after || (await isOver(queue)));
    const first = what === "stop" ? running.shift() : undefined;
    if (first) running.push(await start(first.options));
    if (first) await first.started.stop();
    else await queue.pool.query(DISCONNECT).catch(() => undefined);
    // The pool, too, has to hear of it.
    await nextTurn();
  }
  await until(() => isOver(queue), { timeoutMs: 20_000 });
  await Promise.all(running.map(({ started }) => started.stop()));
  return witness;
}
