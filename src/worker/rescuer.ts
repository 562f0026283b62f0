import { Loop, type Service } from "../service.ts";
import { adoptOrphans } from "../sql/adopt-orphans.ts";
import { listStalledWorkers } from "../sql/list-stalled-workers.ts";
import { rescueJobs } from "../sql/rescue-jobs.ts";
import type { JobCompleter } from "./job-completer.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** How often to look for jobs whose worker is unknown, which costs a look at all that is ready. */
const ADOPT_MS = 600_000;

/** Takes the jobs of dead workers back. Every worker does, and the row locks of the dead one's row keep them apart. */
export class Rescuer implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #completer: JobCompleter;
  readonly #onRescued: () => void;
  readonly #loop: Loop;
  #adoptsAt = Number.NEGATIVE_INFINITY;

  constructor(runtime: WorkerRuntime, completer: JobCompleter, onRescued: () => void) {
    this.#runtime = runtime;
    this.#completer = completer;
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
    const { sql, options, events, health, identity, random, clock } = this.#runtime;
    if (clock.now() >= this.#adoptsAt) {
      await adoptOrphans(sql);
      this.#adoptsAt = clock.now() + ADOPT_MS * (0.5 + random());
    }
    const { stalledAfterMs, maxRescues } = options;
    const workerIds = (await listStalledWorkers(sql, stalledAfterMs)).filter((id) => id !== identity.id);
    if (workerIds.length > 0) {
      const message = `The job was taken back from dead workers more than ${maxRescues} times: it seems to end its process`;
      const detail = { name: "StalledError", message, worker: String(identity.id) };
      const { rescued, ended, locks, ...rest } = await rescueJobs(sql, {
        workerIds,
        stalledAfterMs,
        maxRescues,
        detail,
      });
      if (rescued + ended > 0 || rest.workerIds.length > 0) events.emit("jobs_rescued", { ...rest, rescued, ended });
      this.#completer.promote(locks);
      if (rescued > 0) this.#onRescued();
    }
    health.ok();
    // Half of it, and not all workers in the same moment: the dead are found within the limit and a half.
    return (stalledAfterMs / 2) * (0.75 + 0.25 * random());
  }
}
