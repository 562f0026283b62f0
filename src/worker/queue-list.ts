import type { Clock } from "../clock.ts";
import { type ListedQueues, listReadyQueues, type ReadyQueue } from "../sql/list-ready-queues.ts";
import { probeQueues } from "../sql/probe-queues.ts";
import type { QueueSql } from "../sql/statement.ts";
import type { ScanBudget } from "./scan-budget.ts";

/** A fetch looks into each queue, so only into so many at a time; the others follow in turn. */
const MAX_QUEUES = 64;
/** So many are compared by priority. 1,000 cost 7 ms, and with more queues than that they are compared by pages. */
const PAGE = 1000;
/** So long it takes at most. What is beyond is spent on what is no longer there. */
const LIST_MS = 20;
/** A queue that was empty a moment ago is found within this time under load. */
const REFRESH_MS = 1000;

/** The names to fetch from. */
export interface QueueNames {
  readonly names: readonly string[];
  /** Postgres was asked for them just now. */
  readonly isListed?: boolean;
  /** When the next scheduled job is due, where it was. */
  readonly nextWakeMs?: number | undefined;
}

/**
 * The queues that a fetch looks into: those of the worker's options, or those of them that have jobs to fetch, the
 * ones with the highest priorities first.
 *
 * Listed are a page of names at a time. A pass over all of them that found nothing says that there is nothing to do.
 */
export class QueueList {
  readonly #configured: readonly string[] | undefined;
  readonly #isOurs: (name: string) => boolean;
  readonly #isPaused: (name: string) => boolean;
  readonly #sql: QueueSql;
  readonly #clock: Clock;
  /** Said to have work since they were last looked into. */
  readonly #named = new Set<string>();
  #listed: readonly string[] = [];
  /** What the last fetch looks into, but for what was named since. */
  #served = new Set<string>();
  #refreshedAt = Number.NEGATIVE_INFINITY;
  readonly #budget: ScanBudget;
  /** Nothing was served since without a look at all queues. */
  #isListed = false;
  /** Where the next page of names begins; empty for the first one. */
  #after = "";
  /** Since the first name, every queue was looked into, and nothing was found. */
  #isPassEmpty = false;
  #page = 0;
  /** Among equals of a page, queues after this one come first: so all have their turn. */
  readonly #turns: string[] = [];
  /** What was looked into last. */
  #last: readonly string[] = [];

  /**
   * @param configured Undefined for all queues.
   * @param isPaused Whether nothing may be taken from a queue now. Default: none is paused.
   */
  constructor(
    configured: readonly string[] | undefined,
    sql: QueueSql,
    clock: Clock,
    budget: ScanBudget,
    isPaused: (name: string) => boolean = () => false,
  ) {
    this.#configured = configured;
    const ours = configured && new Set(configured);
    this.#isOurs = (name) => ours?.has(name) ?? true;
    this.#isPaused = isPaused;
    this.#sql = sql;
    this.#clock = clock;
    this.#budget = budget;
  }

  /** Whether the worker takes jobs of this queue now. */
  serves(name: string): boolean {
    return this.#isOurs(name) && !this.#isPaused(name);
  }

  /** A queue has work, as somebody said: the next fetch looks into it. */
  add(name: string): void {
    if (!this.serves(name)) return;
    this.#named.add(name);
    const [oldest] = this.#named;
    if (this.#named.size > MAX_QUEUES && oldest !== undefined) {
      this.#named.delete(oldest);
      // Nobody may look into that one before the queues are listed anew.
      this.#isPassEmpty = false;
    }
    // It may be looked into at this moment, by a statement that began before there was work.
    this.#served.delete(name);
  }

  /** There may be work in any queue. */
  expire(): void {
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  async current(): Promise<QueueNames> {
    if (this.#configured && this.#configured.length <= MAX_QUEUES) return { names: this.#unpaused(this.#configured) };
    if (this.#isFresh && this.#listed.length + this.#named.size > 0) return { names: this.#serve() };
    if (this.#budget.isSlow || !this.#budget.isDue) return { names: this.#serveAgain() };
    // What an idle worker was told of is fetched at once, a round trip earlier than after listing; but only once, as
    // other queues may have work too.
    if (this.#isListed && this.#listed.length === 0 && this.#named.size > 0) {
      this.#isListed = false;
      return { names: this.#serve() };
    }
    this.#isListed = true;
    // Queues of this page were left before they ran dry.
    if (this.#listed.length > 0) this.#isPassEmpty = false;
    const { listed, nextWakeMs } = await this.#list();
    this.#forgetServed();
    this.#listed = listed;
    return { names: this.#serve(), isListed: true, nextWakeMs };
  }

  /** It is time to list the queues, and that takes long. */
  get isLongListDue(): boolean {
    return this.#budget.isSlow && this.#budget.isDue && !this.#isFresh;
  }

  /** Lists the queues while fetches go on with those that are known. Says when the next scheduled job is due. */
  async listBeside(): Promise<number | undefined> {
    const { listed, nextWakeMs } = await this.#list();
    // It began before the list, and says nothing of it when it ends.
    this.#served.clear();
    this.#listed = listed;
    return nextWakeMs;
  }

  get #isFresh(): boolean {
    return this.#clock.now() - this.#refreshedAt < REFRESH_MS;
  }

  /**
   * The queues of the last fetch have no more than it found.
   *
   * @returns Whether there are others to look into before it is known that there is nothing to do.
   */
  ranDry(found: number): boolean {
    if (this.#configured && this.#configured.length <= MAX_QUEUES) return false;
    if (found > 0) this.#isPassEmpty = false;
    this.#forgetServed();
    if (this.#listed.length + this.#named.size > 0) {
      // One empty page after the other: what was listed is worked off to its end, or a pass would never have one.
      this.#refreshedAt = this.#clock.now();
      return true;
    }
    this.expire();
    // What there is in others is found when they are listed.
    if (this.#budget.isSlow || !this.#budget.isDue) return false;
    return this.#after !== "" || !this.#isPassEmpty;
  }

  /** The next page, in the order in which to look into its queues. */
  async #list(): Promise<{ listed: readonly string[]; nextWakeMs: number | undefined }> {
    const isFirst = this.#after === "";
    if (isFirst) this.#isPassEmpty = true;
    this.#page = isFirst ? 0 : this.#page + 1;
    const { queues, next, nextWakeMs, tookMs } = await this.#ask();
    this.#budget.scanned(tookMs - LIST_MS);
    this.#after = next ?? "";
    this.#refreshedAt = this.#clock.now();
    return { listed: this.#unpaused(this.#inOrder(queues)), nextWakeMs };
  }

  #ask(): Promise<ListedQueues> {
    if (this.#configured === undefined) return listReadyQueues(this.#sql, { limit: PAGE, after: this.#after });
    return this.#probe(this.#configured);
  }

  /** By pages too, in the order of the options: there is no limit to their number. */
  async #probe(configured: readonly string[]): Promise<ListedQueues> {
    const start = configured.indexOf(this.#after) + 1;
    const names = configured.slice(start, start + PAGE);
    const next = start + PAGE < configured.length ? names.at(-1) : undefined;
    return { ...(await probeQueues(this.#sql, names)), next };
  }

  #serve(): readonly string[] {
    // Nobody would look into these, so that they would seem to be left to look into for ever.
    this.#listed = this.#unpaused(this.#listed);
    for (const name of this.#named) if (this.#isPaused(name)) this.#named.delete(name);
    const names = [...new Set([...this.#named, ...this.#listed])].slice(0, MAX_QUEUES);
    this.#served = new Set(names);
    if (names.length > 0) this.#last = names;
    return names;
  }

  /** Listing takes too long: the queues that had work last have some again, most likely. */
  #serveAgain(): readonly string[] {
    this.#isPassEmpty = false;
    const names = this.#serve();
    return names.length > 0 ? names : this.#unpaused(this.#last);
  }

  #unpaused(names: readonly string[]): readonly string[] {
    return names.some(this.#isPaused) ? names.filter((name) => !this.#isPaused(name)) : names;
  }

  #forgetServed(): void {
    for (const name of this.#served) this.#named.delete(name);
    this.#listed = this.#listed.filter((name) => !this.#served.has(name));
    this.#served.clear();
  }

  #inOrder(queues: readonly ReadyQueue[]): string[] {
    const turn = this.#turns[this.#page] ?? "";
    const sorted = queues.toSorted(
      (a, b) => b.priority - a.priority || Number(b.name > turn) - Number(a.name > turn) || (a.name < b.name ? -1 : 1),
    );
    const names = sorted.map(({ name }) => name);
    this.#turns[this.#page] = names[MAX_QUEUES - 1] ?? "";
    return names;
  }
}
