import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Network, startProxy } from "../test/support/proxy.ts";
import type { TemporaryPostgres } from "../test/support/temporary-postgres.ts";
import { Crew, type CrewMember, HEARTBEAT_MS, STALLED_AFTER_MS, type StartOptions } from "./crew.ts";
import { Deferring } from "./deferring.ts";
import { findViolations, type Violation } from "./invariants.ts";
import { Steering } from "./steering.ts";

/** What is promised. */
export const RESCUE_LIMIT_MS = STALLED_AFTER_MS + HEARTBEAT_MS;
export const DATABASE_LIMIT_MS = 2000;

export interface Recovery {
  readonly ms: number;
  readonly limitMs: number;
}

/** What one try found. */
export interface Outcome {
  readonly deferred: number;
  readonly violations: readonly Violation[];
  readonly recoveries: readonly Recovery[];
  /** Anything else that should not be. */
  readonly problems: readonly string[];
}

export interface StageOptions {
  readonly server: TemporaryPostgres;
  /** What a worker process runs. */
  readonly program: URL;
  /** Of the scenario's own database. */
  readonly url: string;
  /** How large: 1 in the short form. */
  readonly scale: number;
  /** The number of the try. */
  readonly turn: number;
  /** The longest time without any progress. */
  readonly patienceMs: number;
}

/** How the suite's own sessions are called. */
const SUITE = "chaos";
const NOW = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as at";
const BEGAN = `select count(*)::int as n from chaos_runs r
  where exists (select 1 from chaos_deferred d where d.job_id = r.job_id and d.behaviour <> 'steered')`;
const UNFINISHED = "select count(*)::int as n from procrastinate_jobs where finished_at is null";
const HELD = `select j.id::text from procrastinate_jobs j where j.status = 'doing' and j.worker_id = $1::bigint
  and exists (select 1 from chaos_runs r where r.job_id = j.id and r.worker = $2)`;
const BACK = `select (extract(epoch from max(at)) * 1000)::float8 as at from (
  select min(e.at) as at from procrastinate_events e where e.job_id = any($1::bigint[]) and e.at > to_timestamp($2::float8 / 1000)
  group by e.job_id) a`;
const LAST_NOTE = `select (extract(epoch from max(greatest(ended_at, started_at))) * 1000)::float8 as at
  from chaos_runs where worker = $1`;
const STARTED =
  "select (extract(epoch from started_at) * 1000)::float8 as at from chaos_runs where job_id = $1::bigint";

function ownUrl({ url }: Network): string {
  const own = new URL(url);
  own.searchParams.set("application_name", SUITE);
  return own.href;
}

/** Where one try of a scenario plays: a database of its own, its workers, and who defers. */
export class Stage {
  readonly server: TemporaryPostgres;
  readonly url: string;
  readonly scale: number;
  readonly turn: number;
  readonly crew: Crew;
  readonly deferring: Deferring;
  /** Between the suite itself and the database, so that it can follow a failover. */
  readonly network: Network;
  readonly #patienceMs: number;
  readonly #look: pg.Pool;
  readonly #recoveries: Recovery[] = [];
  readonly #deaths: { readonly sinceMs: number; readonly jobs: readonly string[] }[] = [];
  readonly #steering: Steering;
  readonly #undo: (() => Promise<unknown>)[] = [];

  private constructor(options: StageOptions, network: Network, deferring: Deferring) {
    const { server, url, scale, turn, patienceMs } = options;
    this.server = server;
    this.url = url;
    this.scale = scale;
    this.turn = turn;
    this.network = network;
    this.#patienceMs = patienceMs;
    this.crew = new Crew(options);
    this.deferring = deferring;
    this.#look = new pg.Pool({ connectionString: ownUrl(network), max: 2 });
    this.#look.on("error", () => undefined);
    const clock = async () => (await this.rows<{ at: number }>(NOW))[0]?.at ?? Number.NaN;
    this.#steering = new Steering({ deferring, clock, begun: this.crew.begun });
  }

  static async open(options: StageOptions): Promise<Stage> {
    const network = await startProxy(options.url);
    return new Stage(options, network, await Deferring.open(ownUrl(network)));
  }

  /** Is called at the end, the last first. */
  defer(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  /** Looks at the database past all faults; waits for it while it is away. */
  async rows<Row>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        return (await this.#look.query(sql, [...values])).rows;
      } catch (error) {
        const isServersWord = error instanceof pg.DatabaseError && !/^(08|57P0|53300)/.test(error.code ?? "");
        if (isServersWord || performance.now() > deadline) throw error;
        await sleep(20);
      }
    }
  }

  async until(check: () => Promise<boolean>, what: string | (() => string)): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    while (!(await check())) {
      if (performance.now() > deadline) {
        throw new Error(`Waited ${this.#patienceMs} ms in vain until ${typeof what === "string" ? what : what()}`);
      }
      await sleep(10);
    }
  }

  /** Waits until that many runs began. */
  async untilRuns(count: number): Promise<void> {
    const began = async () => (await this.rows<{ n: number }>(BEGAN))[0]?.n ?? 0;
    await this.until(async () => (await began()) >= count, `${count} runs began`);
  }

  /** Kills a worker. Its running jobs have to wait again, for others, within the limit. */
  async kill(member: CrewMember): Promise<void> {
    const sinceMs = await this.crew.kill(member);
    await this.mourn(member, sinceMs);
  }

  /** The same for a worker that ended by itself. */
  async mourn(member: CrewMember, sinceMs: number): Promise<void> {
    // What it had sent may still be at work in the server for a moment.
    await sleep(20);
    const jobs = await this.rows<{ id: string }>(HELD, [String(member.id), member.name]);
    this.#deaths.push({ sinceMs, jobs: jobs.map(({ id }) => id) });
  }

  /** Sends each living worker a job of its own; they have to be started within the limit since then. */
  async probe(sinceMs: number, limitMs = DATABASE_LIMIT_MS, members = this.crew.alive): Promise<void> {
    const probes = members.map(async ({ queue, name }) => {
      const id = await this.#insist(() => this.deferring.batch("plain", 1, { queue, priority: 100 }));
      await this.until(
        async () => (await this.rows(STARTED, [id])).length > 0,
        () => `the probe was started by ${name}, which says ${JSON.stringify(this.#sayings(name))}`,
      );
      const [row] = await this.rows<{ at: number }>(STARTED, [id]);
      this.recovered((row?.at ?? Number.POSITIVE_INFINITY) - sinceMs, limitMs);
    });
    await Promise.all(probes);
  }

  #sayings(name: string): readonly string[] {
    const child = this.crew.alive.find((member) => member.name === name)?.child;
    return [...(child?.lines.slice(-10) ?? []), ...(child?.errors.slice(-30) ?? [])];
  }

  async #insist(run: () => Promise<bigint[]>): Promise<string> {
    for (;;) {
      const ids = await run().catch(() => undefined);
      if (ids) return String(ids[0]);
      await sleep(10);
    }
  }

  recovered(ms: number, limitMs: number): void {
    this.#recoveries.push({ ms, limitMs });
  }

  /** Waits until all is over, ends the workers and looks whether everything is as it must be. */
  async finish(): Promise<Outcome> {
    const problems: string[] = [];
    await this.#steering.stop().catch((error: unknown) => problems.push(String(error)));
    await this.untilOver().catch((error: unknown) => problems.push(String(error)));
    await this.crew.stopAll();
    for (const { sinceMs, jobs } of this.#deaths) {
      const [row] = await this.rows<{ at: number | null }>(BACK, [jobs, sinceMs]);
      if (typeof row?.at === "number") this.recovered(row.at - sinceMs, RESCUE_LIMIT_MS);
    }
    const [row] = await this.rows<{ n: number }>("select count(*)::int as n from chaos_deferred");
    const violations = await findViolations((sql, values) => this.rows(sql, values), {
      acknowledged: this.deferring.acknowledged,
      expected: this.#steering.expected,
      pauses: this.#steering.pauses,
      casualties: this.crew.casualties,
    });
    problems.push(...this.crew.badEnds);
    return { deferred: row?.n ?? 0, violations, recoveries: this.#recoveries, problems };
  }

  /** From now on a worker that ends by itself is replaced by another one. */
  keepAlive(options: StartOptions = {}): void {
    const watch = async (member: CrewMember): Promise<void> => {
      await member.child.exited;
      if (!this.crew.alive.includes(member)) return;
      const noticedMs = Date.now();
      const [last] = await this.rows<{ at: number | null }>(LAST_NOTE, [member.name]);
      // It may be noticed late, on a busy machine.
      this.crew.died(member, last?.at ?? noticedMs);
      await this.mourn(member, noticedMs);
      watch(await this.crew.startOne(options)).catch(() => undefined);
    };
    for (const member of this.crew.alive) watch(member).catch(() => undefined);
  }

  /** Ends sessions of workers, chosen by a condition on `pg_stat_activity`; says how many. */
  async terminate(condition: string): Promise<number> {
    const [row] = await this.rows<{ n: number }>(
      `select count(pg_terminate_backend(pid))::int as n from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name <> $1 and (${condition})`,
      [SUITE],
    );
    return row?.n ?? 0;
  }

  /** Waits until all jobs have ended, for as long as some of them do. */
  async untilOver(): Promise<void> {
    let left = Number.POSITIVE_INFINITY;
    let endedAt = performance.now();
    while (left > 0) {
      const askedAt = performance.now();
      const [row] = await this.rows<{ n: number }>(UNFINISHED);
      const unfinished = row?.n ?? 0;
      if (unfinished !== left) endedAt = performance.now();
      left = unfinished;
      if (performance.now() - endedAt > this.#patienceMs) throw new Error(`${left} jobs do not come to an end`);
      await sleep(30 + 4 * (performance.now() - askedAt));
    }
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo().catch(() => undefined);
    // Not awaited: a connection that hangs would be waited for. They end with the network.
    void this.deferring.close().catch(() => undefined);
    void this.#look.end().catch(() => undefined);
    await this.network.close();
  }
}
