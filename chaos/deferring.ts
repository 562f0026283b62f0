import { setTimeout as sleep } from "node:timers/promises";
import { type App, createApp, type Duration, type JobOptions, silentLogger } from "procrastinate";
import type { JobArgs } from "./behaviour.ts";
import { type BehaviourName, CONTRACTS } from "./behaviours.ts";
import { type Connection, connect } from "./connectors.ts";

export type BatchOptions = JobOptions & {
  readonly args?: JobArgs;
  /** Roll the transaction back after the jobs are written. */
  readonly rollBack?: boolean;
  readonly scheduleIn?: Duration;
};

class RollBackError extends Error {}

const NOTE = `insert into chaos_deferred (job_id, behaviour, lock)
  select id::bigint, $2::text, $3::text from jsonb_array_elements_text($1::text::jsonb) id`;
/** No jsonb of more than 256 MiB, and no transaction of minutes. */
const MAX_BATCH = 20_000;

/** Defers the jobs of one try, as an app does: in a transaction with a row of its own. */
export class Deferring {
  /** Of transactions whose commit was confirmed. */
  readonly acknowledged: bigint[] = [];
  /** Transactions that did not get through. */
  failures = 0;
  readonly app: App<object>;
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
    const { connector } = connection;
    this.app = createApp({ connector, tasks: Object.values(CONTRACTS), logger: silentLogger });
  }

  static async open(url: string): Promise<Deferring> {
    return new Deferring(await connect("node-postgres", url, { max: 8 }));
  }

  /** One job for each of the queues. */
  async spread(behaviour: BehaviourName, queues: readonly string[]): Promise<void> {
    const next = queues.values();
    const defer = async (): Promise<void> => {
      for (const queue of next) await this.batch(behaviour, 1, { queue });
    };
    await Promise.all(Array.from({ length: 8 }, defer));
  }

  /** One transaction per 20,000 jobs. */
  async batch(behaviour: BehaviourName, count: number, options: BatchOptions = {}): Promise<bigint[]> {
    const ids: bigint[] = [];
    for (let done = 0; done < count; done += MAX_BATCH) {
      ids.push(...(await this.#transaction(behaviour, Math.min(count - done, MAX_BATCH), options)));
    }
    return ids;
  }

  async #transaction(behaviour: BehaviourName, count: number, given: BatchOptions): Promise<bigint[]> {
    const { args = {}, rollBack = false, ...options } = given;
    const { connector } = this.#connection;
    try {
      const ids = await connector.transaction(async (tx) => {
        const list = Array.from({ length: count }, () => args);
        const written = await this.app.batchDefer(CONTRACTS[behaviour], list, { ...options, tx });
        const values = [JSON.stringify(written.map(String)), behaviour, options.lock ?? null];
        await connector.using(tx).query({ name: "deferred", text: NOTE }, values);
        if (rollBack) throw new RollBackError();
        return written;
      });
      for (const id of ids) this.acknowledged.push(id);
      return ids;
    } catch (error) {
      if (error instanceof RollBackError) return [];
      throw error;
    }
  }

  /** Jobs of all sorts: without a lock, completed in a transaction, under locks, and some that are rolled back. */
  async mixture(size: number, args: JobArgs = { ms: 5 }): Promise<void> {
    await this.batch("plain", 4 * size, { args });
    await this.batch("complete", 4 * size, { args });
    for (const lock of ["a", "b", "c", "d"]) {
      await this.batch(lock < "c" ? "plain" : "complete", size / 2, { args, lock, queue: "locked" });
    }
    await this.batch("plain", size, { args, rollBack: true });
  }

  /** Defers on and on, whatever happens, until the result is called. */
  trickle(args: JobArgs = { ms: 5 }): () => Promise<void> {
    let going = true;
    const kinds: readonly [BehaviourName, BatchOptions][] = [
      ["plain", {}],
      ["complete", {}],
      ["complete", { rollBack: true }],
      ["plain", { lock: "x", queue: "locked" }],
      ["complete", { lock: "x", queue: "locked" }],
    ];
    const run = async (): Promise<void> => {
      for (let n = 0; going; n++) {
        const [behaviour, options] = kinds[n % kinds.length] ?? ["plain", {}];
        await this.batch(behaviour, 3, { args, ...options }).catch(() => this.#failed());
        await sleep(10);
      }
    };
    const running = run();
    return async () => {
      going = false;
      await running;
    };
  }

  /** Who cannot reach the database tries again a little later. */
  async #failed(): Promise<void> {
    this.failures++;
    await sleep(50);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
