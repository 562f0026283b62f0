import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type JobStatus, JobStatusError } from "procrastinate";
import { PAUSED_QUEUE } from "./crew.ts";
import type { BatchOptions, Deferring } from "./deferring.ts";

const PAUSE_MS = 2500;
const AGAIN_MS = 50;
/** So long that its job comes to an end in time only if it is told to. */
const UNTIL_TOLD = { ms: 25_000 };
const LOCKED: BatchOptions = { lock: "steered", queue: "locked" };

/** A time in which a queue was paused, by the clock of the database. */
export interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface SteeringOptions {
  readonly deferring: Deferring;
  /** The time of the database, in milliseconds. */
  clock(): Promise<number>;
  /** Nothing is done before. */
  readonly begun: Promise<void>;
}

/** Cancels, aborts and retries jobs and pauses a queue, while other things break. */
export class Steering {
  /** What the jobs must be in the end of which something was asked and confirmed. */
  readonly expected = new Map<bigint, readonly JobStatus[]>();
  readonly pauses: Pause[] = [];
  readonly #deferring: Deferring;
  readonly #clock: () => Promise<number>;
  readonly #begun: Promise<void>;
  readonly #loops: readonly Promise<void>[];
  readonly #stopping = new AbortController();

  constructor({ deferring, clock, begun }: SteeringOptions) {
    this.#deferring = deferring;
    this.#clock = clock;
    this.#begun = begun;
    this.#loops = [
      this.#again(150, (turn) => this.#cancel(turn)),
      this.#again(400, (turn) => this.#abort(turn)),
      this.#again(100, () => this.#defer({ queue: PAUSED_QUEUE })),
      this.#again(500, () => this.#pause()),
    ];
  }

  /** Ends what has begun; the queue goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  /** Sooner or later than a worker takes the job; every fourth without a lock is wanted again. */
  async #cancel(turn: number): Promise<void> {
    const id = await this.#defer({ args: { ms: 5 }, ...(turn % 2 === 0 ? LOCKED : {}) });
    if (id === undefined) return;
    await this.#sleep((turn % 5) * 3);
    if (!(await this.#confirmed(() => this.#deferring.app.jobs.cancel(id)))) return;
    this.expected.set(id, ["cancelled"]);
    if (turn % 8 !== 1) return;
    this.expected.delete(id);
    if (await this.#confirmed(() => this.#deferring.app.jobs.retry(id))) this.expected.set(id, ["succeeded"]);
  }

  async #abort(turn: number): Promise<void> {
    const id = await this.#defer({ args: UNTIL_TOLD, ...(turn % 2 === 0 ? LOCKED : {}) });
    if (id === undefined) return;
    await this.#sleep((turn % 4) * 50);
    const abort = () => this.#deferring.app.jobs.cancel(id, { abort: true });
    if (await this.#confirmed(abort)) this.expected.set(id, ["cancelled", "aborted"]);
  }

  async #pause(): Promise<void> {
    const { queues } = this.#deferring.app;
    await this.#confirmed(() => queues.pause(PAUSED_QUEUE));
    const sinceMs = await this.#clock();
    await this.#sleep(PAUSE_MS);
    const untilMs = await this.#clock();
    await this.#confirmed(() => queues.resume(PAUSED_QUEUE));
    this.pauses.push({ sinceMs, untilMs });
  }

  async #defer(options: BatchOptions): Promise<bigint | undefined> {
    const [id] = await this.#deferring.batch("steered", 1, options).catch(() => []);
    return id;
  }

  /** Asks until there is an answer; gives false where the job was in another state, perhaps by what was asked before. */
  async #confirmed(ask: () => Promise<unknown>): Promise<boolean> {
    for (;;) {
      try {
        await ask();
        return true;
      } catch (error) {
        if (error instanceof JobStatusError) return false;
        if (!(error instanceof DatabaseError)) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }

  async #again(pauseMs: number, run: (turn: number) => Promise<unknown>): Promise<void> {
    await this.#begun;
    for (let turn = 0; !this.#stopping.signal.aborted; turn++) {
      await run(turn);
      await this.#sleep(pauseMs);
    }
  }

  /** Not longer than it is needed. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
