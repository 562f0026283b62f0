import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type Job, type SqlExecutor, type SqlValue } from "procrastinate";

/**
 * What happened, beside the queue's own tables and written by nobody of the queue. `chaos_deferred` is written in the
 * transaction that defers, `chaos_effects` in the one that completes; `chaos_runs` before and after a handler's work.
 */
export const LEDGER_TABLES = `
create table chaos_deferred (job_id bigint primary key, behaviour text not null, lock text);
create table chaos_runs (
  run uuid primary key, job_id bigint not null, worker text not null, lock text,
  started_at timestamptz not null default clock_timestamp(), ended_at timestamptz
);
create table chaos_effects (job_id bigint not null, run uuid not null);
create table chaos_casualties (worker text not null, since timestamptz not null, until timestamptz not null, ends_runs boolean not null);
create index on chaos_runs (job_id)`;

const AGAIN_MS = 50;
const JOT_BATCH = 2000;

/** One moment, by both clocks of this machine. */
export interface Moment {
  readonly wallMs: number;
  /** Of the clock that all processes of a machine share and nobody sets. */
  readonly monotonicNs: string;
}

export function thisMoment(): Moment {
  return { wallMs: Date.now(), monotonicNs: String(process.hrtime.bigint()) };
}

/** Notes what the handlers of one worker do. */
export class Ledger {
  readonly #sql: SqlExecutor;
  readonly #worker: string;
  readonly #since: Moment;
  readonly #jotted: object[] = [];
  #flushing: NodeJS.Timeout | undefined;

  /** @param since the same moment for all workers, so that what they jot down can be put in order */
  constructor(sql: SqlExecutor, worker: string, since: Moment) {
    this.#sql = sql;
    this.#worker = worker;
    this.#since = since;
  }

  /** Notes that a run begins, before it does anything; gives its name. */
  async begin({ id, lock }: Job): Promise<string> {
    const run = randomUUID();
    await this.#insist(
      `insert into chaos_runs (run, job_id, worker, lock) values ($1::text::uuid, $2::text::bigint, $3::text, $4::text)
       on conflict (run) do nothing`,
      [run, String(id), this.#worker, lock],
    );
    return run;
  }

  /** Notes that a run is over, also one that failed. */
  end(run: string): Promise<void> {
    return this.#insist("update chaos_runs set ended_at = clock_timestamp() where run = $1::text::uuid", [run]);
  }

  /** Notes a run that takes no time, together with others: a million of them could not wait for two commits each. */
  jot({ id, lock }: Job): void {
    // Not by `performance.timeOrigin`: those of two processes were milliseconds apart, more than a job takes here.
    const sinceMs = Number(process.hrtime.bigint() - BigInt(this.#since.monotonicNs)) / 1e6;
    this.#jotted.push({ run: randomUUID(), id: String(id), lock, at: this.#since.wallMs + sinceMs });
    if (this.#jotted.length === JOT_BATCH) this.flush().catch(() => process.exit(71));
    else this.#flushing ??= setTimeout(() => void this.flush().catch(() => process.exit(71)), AGAIN_MS);
  }

  /** Writes what was jotted. */
  async flush(): Promise<void> {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const jotted = JSON.stringify(this.#jotted.splice(0));
    await this.#insist(
      `insert into chaos_runs (run, job_id, worker, lock, started_at, ended_at)
       select j.run, j.id, $2::text, j.lock, to_timestamp(j.at / 1000), to_timestamp(j.at / 1000)
       from jsonb_to_recordset($1::text::jsonb) as j(run uuid, id bigint, lock text, at float8) on conflict (run) do nothing`,
      [jotted, this.#worker],
    );
  }

  /** What a job is for: written in the transaction that completes it. */
  async effect(tx: SqlExecutor, { id }: Job, run: string): Promise<void> {
    const text = "insert into chaos_effects (job_id, run) values ($1::text::bigint, $2::text::uuid)";
    await tx.query({ name: "effect", text }, [String(id), run]);
  }

  /** A lost database makes a note late, not the run fail: the queue has to bear handlers that do not notice. */
  async #insist(text: string, values: readonly SqlValue[]): Promise<void> {
    for (;;) {
      try {
        await this.#sql.query({ name: "ledger", text }, values);
        return;
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }
}
