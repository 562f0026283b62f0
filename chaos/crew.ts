import type { WorkerOptions } from "procrastinate";
import { type Child, spawnChild } from "../test/support/child.ts";
import { gate } from "../test/support/worker-run.ts";
import { DRIVERS, type Driver } from "./connectors.ts";
import { thisMoment } from "./ledger.ts";
import type { WorkerSettings } from "./worker.ts";

/** Short, so that a try takes seconds; the promises are in these terms. */
export const STALLED_AFTER_MS = 2000;
export const HEARTBEAT_MS = 400;
/** For a process to load, on a machine with more to do. */
const START_TIMEOUT_MS = 60_000;
export const PAUSED_QUEUE = "paused now and then";
/** Each has these queues and one of its own, so that a probe can be sent to it alone. */
export const SHARED_QUEUES = ["default", "locked", PAUSED_QUEUE];

/** A time in which a worker was dead, cut off or told to stop: what explains that its jobs run again. */
export interface Casualty {
  /** Its name, or `*` for all. */
  readonly worker: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Whether it may have gone on with a handler whose job was given to another worker meanwhile. */
  readonly endsRuns: boolean;
}

export interface CrewMember {
  readonly name: string;
  /** Its own queue. */
  readonly queue: string;
  readonly child: Child;
  /** Of its row in the workers table. */
  readonly id: bigint;
  readonly url: string;
}

export interface StartOptions {
  /** Default: they take turns. */
  readonly driver?: Driver;
  /** Default: that of the scenario's database. */
  readonly url?: string;
  /** Connections of its pool. Default: 16. */
  readonly max?: number;
  /** Settings of its sessions. */
  readonly settings?: string;
  readonly options?: WorkerOptions;
  /** Instead of the shared ones and its own. */
  readonly allQueues?: boolean;
  readonly clockOffMs?: number;
}

/** The worker processes of one try. */
export class Crew {
  readonly casualties: Casualty[] = [];
  /** Ends that were not asked for, or not as asked. */
  readonly badEnds: string[] = [];
  /** Handlers may go on when their worker ends. */
  mayGiveUp = false;
  readonly #begun = gate();
  readonly #program: URL;
  readonly #url: string;
  readonly #alive = new Set<CrewMember>();
  readonly #turn: number;
  readonly #since = thisMoment();
  #started = 0;

  /** @param turn which driver the first worker has */
  constructor({ program, url, turn }: { readonly program: URL; readonly url: string; readonly turn: number }) {
    this.#program = program;
    this.#url = url;
    this.#turn = turn;
  }

  /** Settles when there is a worker. */
  get begun(): Promise<void> {
    return this.#begun.opened;
  }

  get alive(): readonly CrewMember[] {
    return [...this.#alive];
  }

  async start(count: number, given: StartOptions = {}): Promise<CrewMember[]> {
    return Promise.all(Array.from({ length: count }, () => this.startOne(given)));
  }

  async startOne(given: StartOptions = {}): Promise<CrewMember> {
    const number = ++this.#started;
    const driver = given.driver ?? DRIVERS[(this.#turn + number) % DRIVERS.length] ?? "node-postgres";
    const name = `worker ${number} on ${driver}`;
    const queue = `of ${name}`;
    const settings: WorkerSettings = {
      name,
      url: given.url ?? this.#url,
      driver,
      max: given.max ?? 16,
      settings: given.settings,
      clockOffMs: given.clockOffMs,
      since: this.#since,
      options: {
        ...(given.allQueues ? {} : { queues: [...SHARED_QUEUES, queue] }),
        concurrency: 8,
        heartbeatInterval: { milliseconds: HEARTBEAT_MS },
        stalledAfter: { milliseconds: STALLED_AFTER_MS },
        shutdownGrace: { seconds: 5 },
        ...given.options,
      },
    };
    const env = { CHAOS_WORKER: JSON.stringify(settings) };
    const child = spawnChild(this.#program, { env, isCompiled: true });
    const line = await child.waitForLine(/^started /, { timeoutMs: START_TIMEOUT_MS });
    const member = { name, queue, child, id: BigInt(line.slice("started ".length)), url: settings.url };
    this.#alive.add(member);
    this.#begun.open();
    return member;
  }

  /** Ends the process without a word, and says when. */
  async kill(member: CrewMember): Promise<number> {
    const sinceMs = Date.now();
    this.#alive.delete(member);
    await member.child.kill("SIGKILL");
    this.died(member, sinceMs);
    return sinceMs;
  }

  /** The process ended by itself. */
  died(member: CrewMember, sinceMs: number): void {
    this.#alive.delete(member);
    this.casualties.push({ worker: member.name, sinceMs, untilMs: Number.POSITIVE_INFINITY, endsRuns: true });
  }

  /** Ends the process as an operator does. What is interrupted by that may run again. */
  async stop(member: CrewMember): Promise<void> {
    const sinceMs = Date.now();
    this.#alive.delete(member);
    const { code, signal } = await member.child.kill("SIGTERM");
    this.casualties.push({ worker: member.name, sinceMs, untilMs: Date.now(), endsRuns: false });
    const said = member.child.errors.join(" ");
    if (code === 0 || (this.mayGiveUp && said.includes("ShutdownTimeoutError"))) return;
    this.badEnds.push(`${member.name} ended with ${signal ?? code}: ${said.slice(0, 1000)}`);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.alive.map((member) => this.stop(member)));
  }
}
