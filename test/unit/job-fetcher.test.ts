import { expect, test } from "vitest";
import type { SqlStatement } from "../../src/connector.ts";
import { tableNames } from "../../src/sql/statement.ts";
import type { JobCompleter } from "../../src/worker/job-completer.ts";
import { JobFetcher } from "../../src/worker/job-fetcher.ts";
import { PrefetchGauge } from "../../src/worker/prefetch-gauge.ts";
import type { WorkerRuntime } from "../../src/worker/worker-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";

const JOBS = 1000;
const FIRST = 90_001;
const numbers = (value: (n: number) => number): string =>
  `{${Array.from({ length: JOBS }, (_, n) => value(n)).join(",")}}`;
const claimed = (first: number): string =>
  JSON.stringify({
    ...{ id: numbers((n) => first + n), deferredAt: numbers(() => 0) },
    ...{ task: Array(JOBS).fill("t"), args: Array(JOBS).fill({}), unusual: null },
  });

/** Of an array of one id. */
const idOf = (array = "{}"): number => Number(array.slice(1, -1));

type Took = Readonly<Record<string, number>>;

/**
 * A fetcher whose statements, the n-th of them, or those that go `going on` where a look ended, take so many milliseconds
 * in Postgres and claim full fetches.
 *
 * @param firstOf The first id that one of them finds; undefined if nothing. Default: the same each time.
 */
function open(tookMs: Took, firstOf: (name: string, nth: number) => number | undefined = () => FIRST) {
  const clock = new ManualClock();
  const sent: string[] = [];
  /** From which ids on those looked that do not begin at the front. */
  const from: string[] = [];
  const sql: WorkerRuntime["sql"] = {
    tables: tableNames(),
    query: async <Row extends object>({ name }: SqlStatement, params: readonly unknown[]) => {
      sent.push(name);
      if (name === "fetch_jobs_from") from.push(String(params.at(-1)));
      const nth = sent.filter((each) => each === name).length;
      const isGoingOn = name === "fetch_jobs_from" && idOf(from.at(-1)) < FIRST - 20_000;
      const ms = tookMs[`${name}, ${nth}`] ?? tookMs[isGoingOn ? "going on" : name] ?? tookMs[name] ?? 0;
      clock.pass(ms);
      const first = firstOf(name, nth);
      const found = first === undefined ? { jobs: null, seen: 0 } : { jobs: claimed(first), seen: JOBS };
      return [{ ...found, special: false, nextWakeMs: null, tookMs: ms }] as unknown as readonly Row[];
    },
  };
  const parts = { clock, sql, options: { wait: true }, identity: { id: 1n }, events: { has: () => false } };
  const completer = { promote: () => undefined } as unknown as JobCompleter;
  const fetcher = new JobFetcher(parts as unknown as WorkerRuntime, completer, new PrefetchGauge(clock, 1));
  return { clock, sent, from, fetcher };
}

/** So many full fetches, 100 ms apart, with the looks between them that are due. */
async function fetchOften({ clock, fetcher }: ReturnType<typeof open>, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    if (fetcher.isLongLookDue(["default"])) await fetcher.look(["default"], JOBS);
    await fetcher.fetch(["default"], JOBS);
    clock.pass(100);
  }
}

/** The statements of 30 of them. */
async function statementsOf(tookMs: Took): Promise<readonly string[]> {
  const opened = open(tookMs);
  await fetchOften(opened, 30);
  return opened.sent;
}

const MANY = Array(10).fill("fetch_jobs_from");

test("fetches that are slow because of what is gone begin behind it, most of the time", async () => {
  const sent = await statementsOf({ fetch_jobs: 125, fetch_jobs_from: 15 });
  expect(sent.slice(0, 12)).toEqual(["fetch_jobs", "fetch_jobs", ...MANY]);
  expect(sent.slice(2).filter((name) => name === "fetch_jobs").length).toBeLessThan(3);
});

test("a few that were slow nevertheless do not make what is gone look quick", async () => {
  const sent = await statementsOf({ fetch_jobs: 125, fetch_jobs_from: 15, "fetch_jobs_from, 4": 115 });
  expect(sent.slice(2).filter((name) => name === "fetch_jobs").length).toBeLessThan(3);
});

test("fetches that are slow because the machine is begin at the front, once that is known", async () => {
  const sent = await statementsOf({ fetch_jobs: 125, fetch_jobs_from: 115 });
  expect(sent.slice(0, 3)).toEqual(["fetch_jobs", "fetch_jobs", "fetch_jobs_from"]);
  expect(sent.slice(-15)).toEqual(Array(15).fill("fetch_jobs"));
});

test("what was learned on a slow machine is forgotten on a quick one", async () => {
  const slowOnce = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((nth) => [`fetch_jobs_from, ${nth}`, 365]));
  const opened = open({ fetch_jobs: 200, fetch_jobs_from: 15, ...slowOnce });
  await fetchOften(opened, 400);
  const last = opened.sent.slice(-100);
  expect(last.filter((name) => name === "fetch_jobs").length).toBeLessThan(10);
});

test("what is forgotten leaves as much as a fetch may always take", async () => {
  const opened = open({
    fetch_jobs: 24,
    "fetch_jobs, 1": 125,
    "fetch_jobs, 2": 125,
    fetch_jobs_from: 15,
  });
  await fetchOften(opened, 400);
  expect(opened.sent).toContain("fetch_jobs_from");
  expect(opened.sent.slice(-300)).toEqual(Array(300).fill("fetch_jobs"));
});

const NEAR = `{${FIRST - 2_000}}`;
const FAR = `{${FIRST - 20_000}}`;

test("fetches begin close to the last jobs, and far before them once in 100 ms", async () => {
  const { clock, from, fetcher } = open({ fetch_jobs: 125, fetch_jobs_from: 15 });
  for (let n = 0; n < 12; n++) await fetcher.fetch(["default"], JOBS);
  expect(from).toEqual([FAR, ...Array(6).fill(NEAR), FAR, NEAR, NEAR]);
  clock.pass(100);
  await fetcher.fetch(["default"], JOBS);
  expect(from.at(-1)).toBe(FAR);
});

test("where there is nothing close to the last jobs, a fetch looks far before them at once", async () => {
  const { from, fetcher } = open({ fetch_jobs: 125 }, (name, nth) =>
    name === "fetch_jobs_from" && nth > 1 && nth < 4 ? undefined : FIRST,
  );
  for (let n = 0; n < 3; n++) await fetcher.fetch(["default"], JOBS);
  const nothing = await fetcher.fetch(["default"], JOBS);
  expect([nothing.jobs.length, nothing.more]).toEqual([0, false]);
  expect(from).toEqual([FAR, NEAR, FAR]);
});

test("after a full fetch that did not come to where the close ones begin, the next one looks far before the last jobs, too", async () => {
  const { from, fetcher } = open({ fetch_jobs: 125 }, (name, nth) =>
    name === "fetch_jobs_from" && nth < 3 ? FIRST - 10_000 : FIRST,
  );
  for (let n = 0; n < 6; n++) await fetcher.fetch(["default"], JOBS);
  expect(from).toEqual([FAR, FAR, FAR, NEAR]);
});

/**
 * A fetcher on which looks take long, and find a full batch at the id 1, far behind the others, and then the next.
 *
 * @param batches How many there are.
 */
function openLeft(tookMs: Took, batches: number) {
  let found = 0;
  const opened = open({ fetch_jobs: 125, ...tookMs }, (name, nth) => {
    if (name === "fetch_jobs" && nth > 2) found = 1;
    else if (name === "fetch_jobs" || idOf(opened.from.at(-1)) >= FIRST - 20_000 || ++found > batches) return FIRST;
    return 1 + (found - 1) * JOBS;
  });
  const { clock, fetcher, sent } = opened;
  /** The statement of the look that is due. One of them goes on, and then it is the turn of a fetch. */
  const look = async (): Promise<string | undefined> => {
    if (!fetcher.isLongLookDue(["default"])) return undefined;
    await fetcher.look(["default"], JOBS);
    const name = sent.at(-1);
    if (name === "fetch_jobs_from") expect(fetcher.isLongLookDue(["default"])).toBe(false);
    await fetcher.fetch(["default"], JOBS);
    return name;
  };
  const start = async (): Promise<void> => {
    for (let n = 0; n < 3; n++) await fetcher.fetch(["default"], JOBS);
    clock.pass(10_000);
  };
  return { ...opened, look, start };
}

test("after a look that had no room for all it found, the next ones are due at once, and go on where it ended", async () => {
  const { from, look, start } = openLeft({}, 2);
  await start();
  const goingOn = ["fetch_jobs_from", "fetch_jobs_from"];
  expect([await look(), await look(), await look(), await look()]).toEqual(["fetch_jobs", ...goingOn, undefined]);
  expect(from.filter((id) => idOf(id) < FIRST - 20_000)).toEqual(["{1000}", "{2000}"]);
});

test("none goes on after a look that took 2.5 seconds: the last of those would take as long", async () => {
  const { look, start } = openLeft({ "fetch_jobs, 3": 2_500 }, 2);
  await start();
  expect([await look(), await look()]).toEqual(["fetch_jobs", undefined]);
});

test("however much is left, a look everywhere is due as often as ever", async () => {
  const { clock, look, start } = openLeft({}, 50);
  await start();
  expect(await look()).toBe("fetch_jobs");
  const looks: (string | undefined)[] = [];
  for (let n = 0; n < 40; n++) {
    looks.push(await look());
    clock.pass(100);
  }
  // 19 times the 105 ms that it took beyond what its jobs may take.
  expect(looks.filter((name) => name === "fetch_jobs")).toHaveLength(2);
  expect(looks.filter((name) => name === undefined)).toEqual([]);
});

test("where it takes long to go on, twice in a row, there are pauses", async () => {
  const { clock, look, start } = openLeft({ "going on": 125 }, 50);
  await start();
  await look();
  const looks: (string | undefined)[] = [];
  for (let n = 0; n < 6; n++) looks.push(await look());
  expect(looks).toEqual(["fetch_jobs_from", "fetch_jobs_from", ...Array(4).fill(undefined)]);
  clock.pass(10_000);
  expect(await look()).toBe("fetch_jobs");
});

test("a fetch says up to which job it left none that it could have claimed", async () => {
  const { fetcher } = open({}, (_, nth) => (nth === 4 ? undefined : FIRST));
  const fetch = async (queues: readonly string[], limit: number) => (await fetcher.fetch(queues, limit)).passed;
  const passed = { priority: 0, id: BigInt(FIRST + JOBS - 1) };
  expect(await fetch(["default"], JOBS)).toMatchObject(passed);
  expect(await fetch(["default"], JOBS + 1)).toMatchObject(passed);
  // In each of four queues it looks at 550 rows.
  expect(await fetch(["default", "b", "c", "d"], JOBS + 100)).toMatchObject({ priority: 0, id: BigInt(FIRST + 549) });
  expect(await fetch(["default"], JOBS)).toBeUndefined();
});

test("a job that was told of is left to a fetch for a while where the claim of one takes long", async () => {
  const { clock, sent, fetcher } = open({ fetch_job: 25, "fetch_job, 3": 1 });
  const told = { id: 1n, queue: "default" };
  const claim = async (): Promise<boolean> => (await fetcher.fetchTold(told)).length > 0;
  expect([await claim(), await claim(), await claim()]).toEqual([true, true, false]);
  clock.pass(379);
  expect(await claim()).toBe(false);
  clock.pass(1);
  // Planned anew, it is quick again.
  expect([await claim(), await claim(), await claim()]).toEqual([true, true, true]);
  expect(sent).toHaveLength(5);
});
