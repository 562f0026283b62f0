/** The kinds of work a contender can be measured on; a scenario of the same name measures it. */
export type WorkName =
  | "drain"
  | "locks"
  | "backlog"
  | "arrival"
  | "latency"
  | "schedule"
  | "defer"
  | "transaction"
  | "processes"
  | "idle"
  | "memory"
  | "soak"
  | "footprint";

/** Always 60 bytes as JSON, see `payloadOf`. */
export interface Payload {
  readonly sequence: number;
  readonly text: string;
}

/** The lock of a job: jobs of the same one must run one at a time, in order. */
export type LockOf = (payload: Payload) => string;

/** The queues that jobs may be put in; the first one, unless something else is said. */
export const queues = ["noop", "mail", "reports"] as const;
export type QueueName = (typeof queues)[number];

export interface EnqueueOptions {
  readonly lockOf?: LockOf | undefined;
  /** When each job is due; now, if absent. */
  readonly dueAt?: ((payload: Payload) => Date) | undefined;
  readonly queue?: QueueName;
  /** The higher one runs first, the default is 0. */
  readonly priority?: number;
  /** The job may fail: it is tried once more, a second later where the contender has a say in that. */
  readonly retried?: boolean;
}

export type Handler = (payload: Payload) => void | Promise<void>;

/** Which jobs a worker will meet, for contenders that have to know: those of one queue, with locks, or of all kinds. */
export type Load = "plain" | "locked" | "mixed";

export interface WorkSettings {
  /** Takes the place of the contender's own. */
  readonly concurrency?: number | undefined;
  /** Default: plain. */
  readonly load?: Load | undefined;
}

export interface RunningWorker {
  stop(): Promise<void>;
}

/** Something that a queue takes for an idle worker: it is told of jobs and takes none. */
export interface IdleListener {
  /** How many notifications have come. */
  heard(): number;
  stop(): Promise<void>;
}

/** One contender's client, open in a child process. */
export interface Session {
  /** The fastest way the contender offers to write many jobs at once. */
  enqueueMany?(payloads: readonly Payload[], options?: EnqueueOptions): Promise<void>;
  /** What a request handler does: one job, awaited. */
  enqueue?(payload: Payload): Promise<void>;
  /**
   * One business row, and one job where the contender has jobs, in one transaction of the app's ORM.
   *
   * @param notifying The job is one that idle workers are told of, for contenders that leave that to the caller.
   */
  transact?(payload: Payload, notifying: boolean): Promise<void>;
  /** Resolves as soon as the worker may call the handler. */
  work?(handler: Handler, settings?: WorkSettings): Promise<RunningWorker>;
  /** Makes the queue believe that an idle worker waits, in whichever process it is called. */
  listenIdly?(): Promise<IdleListener>;
  /** A query whose single column `busy` is true while some job is not finished. */
  readonly busySql?: string;
  /** The same where the store is not Postgres. */
  isBusy?(): Promise<boolean>;
  close(): Promise<void>;
}

export interface Contender {
  /** Unique; shown in the table and used by `--contender`. */
  readonly name: string;
  /** What is left of a job in the database once it has succeeded. */
  readonly keeps: string;
  readonly works: readonly WorkName[];
  /** Why it is missing where a reader would look for it. */
  readonly absent?: Readonly<Partial<Record<WorkName, string>>>;
  /** Where its jobs are. Default: Postgres. */
  readonly store?: "redis";
  /** What `prepare` makes; contenders that say the same share a prepared database. */
  readonly tables: string;
  /** The part of a scenario's jobs it is given, for those too slow for all of them. Default 1. */
  readonly share?: number;
  /** Makes the contender's tables in an empty database. */
  prepare(url: string): Promise<void>;
  connect(url: string): Promise<Session>;
}

const PAYLOAD_BYTES = 60;

export function payloadOf(sequence: number): Payload {
  const bare = JSON.stringify({ sequence, text: "" });
  return { sequence, text: "x".repeat(PAYLOAD_BYTES - bare.length) };
}

export function payloadsOf(count: number): Payload[] {
  return Array.from({ length: count }, (_, sequence) => payloadOf(sequence));
}
