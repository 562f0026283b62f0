import type { Clock } from "../clock.ts";
import { listReadyQueues } from "../sql/list-ready-queues.ts";
import type { QueueSql } from "../sql/statement.ts";

/** A fetch looks into each queue, so only into so many at a time; the others follow in turn. */
const MAX_QUEUES = 64;
/** A queue that was empty a moment ago is found within this time under load. */
const REFRESH_MS = 1000;

/** The queues that a fetch looks into: those of the worker's options, or those of them that have ready jobs. */
export class QueueList {
  readonly #configured: ReadonlySet<string> | undefined;
  readonly #sql: QueueSql;
  readonly #clock: Clock;
  #names = new Set<string>();
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #after = "";

  /** @param configured Undefined for all queues. */
  constructor(configured: readonly string[] | undefined, sql: QueueSql, clock: Clock) {
    this.#configured = configured && new Set(configured);
    this.#sql = sql;
    this.#clock = clock;
  }

  /** A queue has work, as somebody said. */
  add(name: string): void {
    if (this.#isOurs(name) && this.#names.size < MAX_QUEUES) this.#names.add(name);
  }

  /** The known queues ran empty: others may have work. */
  expire(): void {
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  /** The names to fetch from; and, where Postgres was asked for them, when the next scheduled job is due. */
  async current(): Promise<{ names: readonly string[]; nextWakeMs?: number | undefined }> {
    if (this.#configured && this.#configured.size <= MAX_QUEUES) return { names: [...this.#configured] };
    const isFresh = this.#clock.now() - this.#refreshedAt < REFRESH_MS;
    if (isFresh && this.#names.size > 0) return { names: [...this.#names] };
    for (;;) {
      const { queues, nextWakeMs } = await listReadyQueues(this.#sql, { limit: MAX_QUEUES, after: this.#after });
      // A full page has a next one; after the last one it begins anew.
      this.#after = queues.length < MAX_QUEUES ? "" : (queues.at(-1) ?? "");
      const names = queues.filter((name) => this.#isOurs(name));
      this.#names = new Set(names);
      this.#refreshedAt = this.#clock.now();
      if (names.length > 0 || this.#after === "") return { names, nextWakeMs };
    }
  }

  #isOurs(name: string): boolean {
    return this.#configured?.has(name) ?? true;
  }
}
