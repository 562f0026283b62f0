import type { Service } from "../service.ts";
import type { Lease } from "../sql/job-row.ts";
import { ClaimReconciler } from "./claim-reconciler.ts";
import { FetchLoop } from "./fetch-loop.ts";
import { JobCompleter } from "./job-completer.ts";
import { JobDispatcher } from "./job-dispatcher.ts";
import { JobExecutor } from "./job-executor.ts";
import { JobFetcher } from "./job-fetcher.ts";
import { JobPruner } from "./job-pruner.ts";
import { JobWatcher } from "./job-watcher.ts";
import { Listener, type Notification } from "./listener.ts";
import { LockSweeper } from "./lock-sweeper.ts";
import { PausedQueues } from "./paused-queues.ts";
import { PollingSchedule } from "./polling-schedule.ts";
import { PrefetchGauge } from "./prefetch-gauge.ts";
import { QueueList } from "./queue-list.ts";
import { Rescuer } from "./rescuer.ts";
import { ScanBudget } from "./scan-budget.ts";
import { WorkerPresence } from "./worker-presence.ts";
import type { WorkerRuntime, WorkerService } from "./worker-runtime.ts";

/** Fetching, looking from the front beside that, completing, the heartbeat and listening. */
const OWN_CONNECTIONS = 5;
/** What is still unwritten this long after the last handler ended is left to the rescue. */
const WRITE_GRACE_MS = 5000;

/** Wires the parts of a worker, and starts and stops them in order. */
export class WorkerParts {
  readonly #runtime: WorkerRuntime;
  readonly #executor: JobExecutor;
  readonly #completer: JobCompleter;
  readonly #dispatcher: JobDispatcher;
  readonly #presence: WorkerPresence;
  readonly #reconciler: ClaimReconciler;
  readonly #fetchLoop: FetchLoop;
  readonly #listener: Listener;
  readonly #watcher: JobWatcher;
  readonly #rescuer: Rescuer;
  readonly #sweeper: LockSweeper;
  readonly #services: readonly WorkerService[];
  readonly #paused: PausedQueues;
  readonly #pruner: JobPruner;
  readonly #onEmpty: () => void;
  #endedBefore = -1;

  constructor(runtime: WorkerRuntime, onEmpty: () => void) {
    this.#runtime = runtime;
    this.#onEmpty = onEmpty;
    const gauge = new PrefetchGauge(runtime.clock, runtime.options.maxPrefetch);
    const wake = (): void => this.#fetchLoop.wake();
    this.#presence = new WorkerPresence(runtime, () => this.#watcher.checkNow());
    this.#executor = new JobExecutor(runtime, (claimedAt) => this.#presence.mayBeLost(claimedAt));
    this.#completer = new JobCompleter(runtime, {
      onPromoted: wake,
      onRetried: (delayMs) => this.#fetchLoop.wake({ delayMs }),
      onLost: () => this.#reconciler.doubt(),
      onWritten: (hasReleased) => {
        this.#dispatcher.dispatch();
        this.#fetchLoop.refill(hasReleased);
      },
    });
    const isListening = (): boolean => this.#listener.isListening;
    this.#paused = new PausedQueues(runtime, isListening, (resumed) => this.#onQueuesChanged(resumed));
    this.#dispatcher = new JobDispatcher({
      ...{ runtime, gauge, executor: this.#executor, completer: this.#completer, paused: this.#paused },
      onCapacity: () => this.#fetchLoop.refill(),
      onOrphaned: () => this.#reconciler.doubt(),
    });
    const isUnwritten = ({ id, lease }: Lease): boolean =>
      this.#completer.unwritten.some((job) => job.id === id && job.lease === lease);
    const isKnown = (job: Lease): boolean => this.#dispatcher.holds(job) || isUnwritten(job);
    this.#reconciler = new ClaimReconciler(runtime, isKnown, (jobs) => this.#completer.release(jobs));
    this.#fetchLoop = new FetchLoop({
      ...{ runtime, gauge, dispatcher: this.#dispatcher, reconciler: this.#reconciler },
      fetcher: new JobFetcher(runtime, this.#completer, gauge),
      ...{ queues: this.#newQueueList(runtime), paused: this.#paused },
      polling: new PollingSchedule(runtime, this.#presence, isListening),
      onEmpty: () => this.#finishEmpty(),
    });
    this.#watcher = new JobWatcher(runtime, this.#executor, this.#dispatcher);
    const silentUntil = (): number => this.#presence.silentUntil;
    this.#rescuer = new Rescuer({ runtime, completer: this.#completer, silentUntil, onRescued: wake });
    this.#sweeper = new LockSweeper(runtime, this.#completer, isListening);
    this.#services = runtime.services.map((make) => make(runtime));
    this.#pruner = new JobPruner(runtime);
    this.#listener = new Listener(runtime, {
      onListening: () => {
        wake();
        for (const service of this.#services) service.wake();
        this.#sweeper.sweep();
        this.#paused.refresh();
      },
      onNotification: (notification) => this.#onNotification(notification),
    });
  }

  #newQueueList({ options, sql, clock }: WorkerRuntime): QueueList {
    const budget = new ScanBudget(clock, options.wait);
    return new QueueList(options.queues, sql, clock, budget, (name) => this.#paused.has(name));
  }

  #onQueuesChanged(resumed: readonly string[]): void {
    this.#dispatcher.releasePaused();
    this.#fetchLoop.wake();
    // Named, so that they are looked into also while listing all queues takes too long.
    for (const queue of resumed) this.#fetchLoop.wake({ queue });
  }

  #onNotification({ abort, promote, sweep, schedules, queues, ...hint }: Notification): void {
    if (abort !== undefined) this.#watcher.checkNow();
    else if (promote !== undefined) this.#sweeper.promote(promote);
    else if (sweep) this.#sweeper.sweep();
    else if (schedules) for (const service of this.#services) service.wake();
    else if (queues) this.#paused.refresh();
    else this.#fetchLoop.wake(hint);
  }

  /** @throws SchemaMismatchError, DatabaseError */
  async start(): Promise<void> {
    this.#checkPool();
    const started: Service[] = [];
    try {
      for (const service of [this.#presence, ...this.#background, this.#fetchLoop]) {
        started.push(service);
        await service.start();
      }
    } catch (error) {
      // Nobody stops a worker that did not start: its heartbeat would go on for ever.
      for (const service of started.toReversed()) await service.stop();
      if (started.length > 1) await this.#presence.unregister().catch(() => undefined);
      throw error;
    }
  }

  /** What goes on beside the jobs, in the order of starting. */
  get #background(): readonly Service[] {
    const own = [this.#paused, this.#listener, this.#watcher, this.#rescuer, this.#sweeper, this.#pruner];
    return [...own, ...this.#services];
  }

  /** A statement that was given up went through, or failed, after all: it may have claimed jobs that nobody knows of. */
  answeredLate(): void {
    this.#reconciler.doubt();
    this.#presence.beatAgain();
    this.#fetchLoop.wake();
  }

  /** Stops all parts, the heartbeat last. Gives the jobs whose handlers are still running. */
  async stop(): Promise<readonly bigint[]> {
    const { health, clock, options, events } = this.#runtime;
    for (const { job } of this.#executor.running) events.emit("ending_job", { job });
    const timers = [
      clock.timer(options.shutdownGraceMs, () => {
        for (const running of this.#executor.running) running.abort("shutdown");
      }),
    ];
    this.#dispatcher.stop();
    const handlersEnded = this.#executor.stop();
    handlersEnded.then(
      () => timers.push(clock.timer(WRITE_GRACE_MS, () => health.giveUp())),
      () => undefined,
    );
    await this.#fetchLoop.stop();
    await this.#dispatcher.drained();
    await this.#completer.drain();
    for (const service of [...this.#background.toReversed(), this.#presence]) await service.stop();
    await this.#completer.drain();
    await this.#leave();
    for (const cancel of timers) cancel();
    return [...this.#executor.abandoned];
  }

  /** Takes the worker's row away, once nothing is left that is found by it. */
  async #leave(): Promise<void> {
    // A transaction of a handler that was given up may still roll back: its job is then found by the worker's row.
    if (this.#runtime.health.isLost || this.#executor.abandoned.size > 0 || this.#dispatcher.hasParked) return;
    await this.#reconciler.reconcile().catch(() => this.#reconciler.doubt());
    await this.#completer.drain();
    if (this.#reconciler.isInDoubt || this.#completer.hasGivenUp) return;
    await this.#presence.unregister().catch(() => undefined);
  }

  /** Handlers that hold all connections keep the heartbeat from being written: the living worker is taken for dead. */
  #checkPool(): void {
    const { connector, options, logger } = this.#runtime;
    const needed = options.concurrency + OWN_CONNECTIONS;
    const { maxConnections = needed } = connector;
    if (maxConnections >= needed) return;
    const fields = { action: "small_pool", maxConnections, concurrency: options.concurrency };
    logger.warn(
      fields,
      `The pool has ${maxConnections} connections, and ${needed} can be needed: one per job, and ${OWN_CONNECTIONS} for the worker`,
    );
  }

  /**
   * Nothing can run now. Once nothing runs either, and another look after all outcomes were written, with their
   * retries and the jobs behind their locks, found nothing: asks the worker to stop.
   */
  async #finishEmpty(): Promise<boolean> {
    await this.#dispatcher.drained();
    await this.#completer.drain();
    const { ended } = this.#dispatcher;
    if (ended === this.#endedBefore) {
      this.#onEmpty();
      return true;
    }
    this.#endedBefore = ended;
    return false;
  }
}
