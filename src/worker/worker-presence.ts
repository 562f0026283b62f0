import type { WallClock } from "../clock.ts";
import { checkSchemaVersion } from "../schema/check-version.ts";
import { Loop, type Service } from "../service.ts";
import { beatWorker, registerWorker, unregisterWorker } from "../sql/beat-worker.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Less than 1, as the rescue may be a moment ahead; more than 1/2, which is what two heartbeats may take. */
const SILENT_SHARE = 0.75;

/** The worker's row: its heartbeat, and whether it wants to be notified. */
export class WorkerPresence implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #heartbeat: Loop;
  readonly #onMayBeLost: () => void;
  #idle = false;
  #isStopped = false;
  /** When the last heartbeat that was written was sent. */
  #alive: Moment;
  /** Whatever was claimed before may have been rescued. */
  #mayBeLostBefore = Number.NEGATIVE_INFINITY;
  #silentUntil = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  /** @param onMayBeLost This worker looked dead to others for a while. */
  constructor(runtime: WorkerRuntime, onMayBeLost: () => void) {
    this.#runtime = runtime;
    this.#onMayBeLost = onMayBeLost;
    this.#alive = momentOf(runtime.clock);
    const { clock, options, health } = runtime;
    this.#heartbeat = new Loop({
      clock,
      step: async () => {
        await this.#beat();
        health.ok();
        return options.heartbeatIntervalMs;
      },
      onError: (error) => health.failed(error, true),
    });
  }

  get isIdle(): boolean {
    return this.#idle;
  }

  /** @throws SchemaMismatchError when the tables are missing, too old or too new for this package. */
  async start(): Promise<void> {
    const { sql, options, identity, connector } = this.#runtime;
    await checkSchemaVersion(sql, connector.name);
    this.#alive = momentOf(this.#runtime.clock);
    const { id } = await registerWorker(sql, options);
    identity.id = id;
    await this.#heartbeat.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#heartbeat.stop();
    await this.#writing;
  }

  /** Removes the row: nothing is left to rescue. */
  async unregister(): Promise<void> {
    await unregisterWorker(this.#runtime.sql, this.#runtime.identity.id);
  }

  /**
   * Whether what was claimed at that time may have been rescued since: a blocked event loop, a pause of the machine or
   * a lost database kept this worker silent for too long. Its writes are fenced; this keeps handlers from starting.
   */
  mayBeLost(claimedAt: number): boolean {
    return claimedAt < this.#mayBeLostBefore || this.#isSilent(momentOf(this.#runtime.clock));
  }

  /**
   * Until when this worker looked dead to others. What kept it from its heartbeat may have kept the others, too: those
   * that look dead to it may live.
   */
  get silentUntil(): number {
    const moment = momentOf(this.#runtime.clock);
    return this.#isSilent(moment) ? moment.now : this.#silentUntil;
  }

  /** By the clock that says more: one does not go on while the machine is suspended, the other may be set back. */
  #isSilent({ now, wall }: Moment): boolean {
    const silentMs = Math.max(now - this.#alive.now, wall - this.#alive.wall);
    return silentMs > SILENT_SHARE * this.#runtime.options.stalledAfterMs;
  }

  /** Says whether the worker waits for notifications; resolves when that is visible to all transactions. */
  async setIdle(idle: boolean): Promise<void> {
    if (this.#idle === idle) return;
    this.#idle = idle;
    try {
      await this.#beat();
    } catch (error) {
      // Nobody knows. That it is not is no lie that a job waits for, and the next heartbeat says it again.
      this.#idle = false;
      throw error;
    }
  }

  /** Writes the row again: a write that was given up may have come after the newest one. */
  beatAgain(): void {
    if (this.#isStopped) return;
    this.#beat().catch((error: unknown) => this.#runtime.health.failed(error));
  }

  /** One after the other, each with the state of that moment, so that an older one never overwrites a newer one. */
  #beat(): Promise<void> {
    const { sql, options, identity, clock } = this.#runtime;
    const beat = this.#writing.then(async () => {
      const sent = momentOf(clock);
      const { isNew } = await beatWorker(sql, { ...options, id: identity.id, idle: this.#idle });
      const mayBeLost = isNew || this.#isSilent(sent);
      this.#alive = sent;
      if (!mayBeLost) return;
      this.#mayBeLostBefore = sent.now;
      this.#silentUntil = clock.now();
      this.#onMayBeLost();
    });
    this.#writing = beat.catch(() => undefined);
    return beat;
  }
}

interface Moment {
  readonly now: number;
  readonly wall: number;
}

function momentOf(clock: WallClock): Moment {
  return { now: clock.now(), wall: clock.wall() };
}
