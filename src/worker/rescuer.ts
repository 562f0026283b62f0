import { DatabaseError } from "../database-error.ts";
import { Loop, type Service } from "../service.ts";
import { adoptOrphans } from "../sql/adopt-orphans.ts";
import { listStalledWorkers } from "../sql/list-stalled-workers.ts";
import { rescueJobs } from "../sql/rescue-jobs.ts";
import { MAX_BACKOFF_MS } from "./database-health.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How often to look for jobs whose worker is unknown, which costs a look at all that is ready. */
const ADOPT_MS = 600_000;
/** Some workers find the database again that much later than others. */
const LONGEST_RETURN_MS = 2 * MAX_BACKOFF_MS;
/** Of a heartbeat interval. */
const JITTER = 0.1;

export interface RescuerParts {
  readonly runtime: WorkerRuntime;
  readonly completer: JobCompleter;
  /** Until when this worker looked dead itself. */
  readonly silentUntil: () => number;
  readonly onRescued: () => void;
}

/** Takes the jobs of dead workers back. Every worker does, and the row locks of the dead one's row keep them apart. */
export class Rescuer implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #completer: JobCompleter;
  readonly #silentUntil: () => number;
  readonly #onRescued: () => void;
  readonly #loop: Loop;
  #adoptsAt = Number.NEGATIVE_INFINITY;

  constructor({ runtime, completer, silentUntil, onRescued }: RescuerParts) {
    this.#runtime = runtime;
    this.#completer = completer;
    this.#silentUntil = silentUntil;
    this.#onRescued = onRescued;
    const { clock, health } = runtime;
    this.#loop = new Loop({ clock, step: () => this.#step(), onError: (error) => health.failed(error) });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #step(): Promise<number> {
    const { sql, options, health, identity, random, clock } = this.#runtime;
    if (clock.now() >= this.#adoptsAt) await this.#adopt();
    const { stalledAfterMs, heartbeatIntervalMs } = options;
    const { ids, nextMs = stalledAfterMs } = await listStalledWorkers(sql, stalledAfterMs, identity.id);
    health.ok();
    // While the database was away nobody could give a heartbeat: all would be taken for dead by the first that is back.
    const backAt = Math.max(health.answeringSince, this.#silentUntil());
    const graceMs = backAt + Math.max(stalledAfterMs, LONGEST_RETURN_MS) - clock.now();
    if (graceMs > 0) return graceMs;
    if (ids.length > 0) await this.#rescue(ids);
    // Some may be left, because a row is locked that their last transaction still holds.
    const lookMs = ids.length > 0 ? heartbeatIntervalMs : stalledAfterMs;
    // When the next one would be stalled, and not all workers in the same moment.
    return Math.min(nextMs, lookMs) + JITTER * heartbeatIntervalMs * random();
  }

  async #adopt(): Promise<void> {
    const { sql, random, clock } = this.#runtime;
    this.#adoptsAt = clock.now() + ADOPT_MS * (0.5 + random());
    try {
      await adoptOrphans(sql);
    } catch (error) {
      // Refused, for taking longer than a statement of the session may, say: the rescue goes on without it.
      if (!(error instanceof DatabaseError) || error.isConnectionLoss || error.isTransient || error.isLocked) {
        this.#adoptsAt = clock.now();
      }
      throw error;
    }
  }

  async #rescue(workerIds: readonly bigint[]): Promise<void> {
    const { sql, options, events, identity } = this.#runtime;
    const { stalledAfterMs, maxRescues } = options;
    const message = `The job was taken back from dead workers more than ${maxRescues} times: it seems to end its process`;
    const detail = { name: "StalledError", message, worker: String(identity.id) };
    const request = { workerIds, stalledAfterMs, maxRescues, detail };
    const { rescued, ended, locks, ...rest } = await rescueJobs(sql, { ...request, withKeys: true }).catch((error) => {
      if (!(error instanceof DatabaseError && error.isLocked)) throw error;
      // Somebody is about to take one of their queueing locks, and may be for long: they wait beside that job.
      return rescueJobs(sql, { ...request, withKeys: false });
    });
    if (rescued + ended > 0 || rest.workerIds.length > 0) events.emit("jobs_rescued", { ...rest, rescued, ended });
    this.#completer.promote(locks);
    if (rescued > 0) this.#onRescued();
  }
}
