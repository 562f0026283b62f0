import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { QueueList } from "../../src/worker/queue-list.ts";
import { ScanBudget } from "../../src/worker/scan-budget.ts";

/** Queues with jobs, and a clock and a database that know of them. */
class Queues {
  /** The priority of the first job of each. */
  readonly ready = new Map<string, number>();
  readonly sent: string[] = [];
  now = 0;

  constructor(count: number) {
    for (let n = 0; n < count; n++) this.ready.set(nameOf(n), 0);
  }

  /** Those of which nothing may be taken. */
  readonly paused = new Set<string>();

  list(configured?: readonly string[]): QueueList {
    const clock: Clock = { now: () => this.now, timer: () => () => undefined };
    const query = async (statement: { name: string }, values: readonly unknown[]): Promise<never[]> => {
      this.sent.push(statement.name);
      const row = statement.name === "probe_queues" ? this.#probe(values) : this.#page(values);
      return [row as never];
    };
    return new QueueList(configured, queueSql({ query }, tableNames()), clock, new ScanBudget(clock, true), (name) =>
      this.paused.has(name),
    );
  }

  #page([limit, after]: readonly unknown[]): object {
    const names = [...this.ready.keys()].sort().filter((name) => name > String(after));
    const page = names.slice(0, Number(limit));
    return { queues: this.#json(page), last: page[Number(limit) - 1] ?? null, nextWakeMs: null, tookMs: 1 };
  }

  #probe([names]: readonly unknown[]): object {
    const given = String(names).replace(/[{}"]/g, "").split(",");
    return { queues: this.#json(given.filter((name) => this.ready.has(name))), nextWakeMs: null, tookMs: 1 };
  }

  #json(names: readonly string[]): string {
    return JSON.stringify(names.map((name) => [name, this.ready.get(name)]));
  }
}

const nameOf = (n: number): string => `q${String(n).padStart(5, "0")}`;
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => nameOf(n));

/** Looks into all queues until the list says that there are no others; gives what it looked into. */
async function pass(list: QueueList, found = 0): Promise<string[]> {
  const seen: string[] = [];
  do seen.push(...(await list.current()).names);
  while (list.ranDry(found) && seen.length < 100_000);
  return seen;
}

describe("the list of queues", () => {
  test.each([0, 1, 64, 65, 200, 1000, 1001, 2500])(
    "gives each of %i empty queues once before nothing is left",
    async (count) => {
      const seen = await pass(new Queues(count).list());
      expect(seen.toSorted()).toEqual(names(count));
    },
  );

  test("begins again after a pass in which something was found", async () => {
    const queues = new Queues(200);
    const list = queues.list();
    await list.current();
    expect(list.ranDry(5)).toBe(true);
    const seen = await pass(list);
    expect(seen.length).toBe(200 - 64 + 200);
    expect(new Set(seen)).toEqual(new Set(names(200)));
  });

  test("of few queues asks again only after some time, or when they ran empty", async () => {
    const queues = new Queues(5);
    const list = queues.list();
    for (let round = 0; round < 10; round++) expect((await list.current()).names).toHaveLength(5);
    expect(queues.sent).toHaveLength(1);
    queues.now += 1000;
    await list.current();
    expect(queues.sent).toHaveLength(2);
    list.ranDry(0);
    await list.current();
    expect(queues.sent).toHaveLength(3);
  });

  test("gives the queues with the highest priorities first", async () => {
    const queues = new Queues(500);
    for (let n = 400; n < 464; n++) queues.ready.set(nameOf(n), n);
    const { names } = await queues.list().current();
    expect(names).toEqual(Array.from({ length: 64 }, (_, n) => nameOf(463 - n)));
  });

  test.each([200, 2500])("lets each of %i queues have its turn while none runs empty", async (count) => {
    const queues = new Queues(count);
    for (let n = 0; n < 20; n++) queues.ready.set(nameOf(n), 1);
    const list = queues.list();
    const seen = new Set<string>();
    const rounds = Math.ceil(count / 1000) * Math.ceil(1000 / (64 - 20));
    for (let round = 0; round < rounds; round++, queues.now += 1000) {
      for (const name of (await list.current()).names) seen.add(name);
    }
    expect(seen.size).toBe(count);
  });

  test("has a queue that was named in the very next fetch, however full it is, and looks into all others as well", async () => {
    const list = new Queues(200).list();
    await list.current();
    list.add("named");
    expect((await list.current()).names).toContain("named");
    const seen = await pass(list);
    expect(new Set(seen)).toEqual(new Set(["named", ...names(200)]));
  });

  test("looks once more into a queue that was named while it was looked into", async () => {
    const list = new Queues(0).list();
    list.add("named");
    expect((await list.current()).names).toEqual(["named"]);
    list.add("named");
    expect(list.ranDry(0)).toBe(true);
    expect((await list.current()).names).toEqual(["named"]);
  });

  test("survives that more queues are named than a fetch looks into", async () => {
    const queues = new Queues(0);
    const list = queues.list();
    await list.current();
    for (let n = 0; n < 5000; n++) {
      queues.ready.set(nameOf(n), 0);
      list.add(nameOf(n));
    }
    expect((await list.current()).names).toHaveLength(64);
    const seen = await pass(list);
    expect(new Set(seen).size).toBe(5000);
  });

  test("keeps named queues no longer than others while none runs empty", async () => {
    const queues = new Queues(200);
    const list = queues.list();
    for (const name of names(64)) list.add(name);
    expect((await list.current()).names).toEqual(names(64));
    queues.now += 1000;
    await list.current();
    queues.now += 1000;
    expect((await list.current()).names).not.toContain(nameOf(0));
  });
});

describe("a queue that is paused", () => {
  test.each<[string, (list: QueueList) => void]>([
    ["was named", (list) => list.add("q00000")],
    ["was listed", () => undefined],
  ])("and %s before is not left to look into for ever", async (_how, know) => {
    const queues = new Queues(1);
    const list = queues.list();
    if (_how === "was listed") await list.current();
    know(list);
    queues.paused.add("q00000");
    expect((await list.current()).names).toEqual([]);
    expect(list.ranDry(0)).toBe(false);
  });
});

describe("the list of a worker for some queues", () => {
  test("is these, without a question, where they are few", async () => {
    const queues = new Queues(500);
    const list = queues.list(["a", "b"]);
    list.add("c");
    expect((await list.current()).names).toEqual(["a", "b"]);
    expect(list.ranDry(0)).toBe(false);
    expect(queues.sent).toEqual([]);
  });

  test.each([65, 1000, 1001, 2500])("gives each of %i once, and no other", async (count) => {
    const queues = new Queues(5000);
    const list = queues.list(names(count));
    list.add("foreign");
    expect((await pass(list)).toSorted()).toEqual(names(count));
    expect(new Set(queues.sent)).toEqual(new Set(["probe_queues"]));
  });
});
