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

export interface EnqueueOptions {
  readonly lockOf?: LockOf | undefined;
  /** When each job is due; now, if absent. */
  readonly dueAt?: ((payload: Payload) => Date) | undefined;
}

export type Handler = (payload: Payload) => void | Promise<void>;

export interface RunningWorker {
  stop(): Promise<void>;
}

/** One contender's client, open in a child process. */
export interface Session {
  /** The fastest way the contender offers to write many jobs at once. */
  enqueueMany?(payloads: readonly Payload[], options?: EnqueueOptions): Promise<void>;
  /** What a request handler does: one job, awaited. */
  enqueue?(payload: Payload): Promise<void>;
  /** One business row, and one job where the contender has jobs, in one transaction of the app's ORM. */
  transact?(payload: Payload): Promise<void>;
  /** Resolves as soon as the worker may call the handler. `concurrency` takes the place of the contender's own. */
  work?(handler: Handler, concurrency?: number): Promise<RunningWorker>;
  /** A query whose single column `busy` is true while some job is not finished. */
  readonly busySql?: string;
  close(): Promise<void>;
}

export interface Contender {
  /** Unique; shown in the table and used by `--contender`. */
  readonly name: string;
  /** What is left of a job in the database once it has succeeded. */
  readonly keeps: string;
  readonly works: readonly WorkName[];
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
