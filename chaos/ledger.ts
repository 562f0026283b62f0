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

/** Notes what the handlers of one worker do. */
export class Ledger {
  readonly #sql: SqlExecutor;
  readonly #worker: string;

  constructor(sql: SqlExecutor, worker: string) {
    this.#sql = sql;
    this.#worker = worker;
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
