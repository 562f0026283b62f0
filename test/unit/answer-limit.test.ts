import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DatabaseError } from "../../src/database-error.ts";
import { limitAnswers } from "../../src/worker/answer-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An executor whose statements are answered by hand. */
function silent(stalledAfterMs: number) {
  const answers: { resolve(rows: object[]): void; reject(error: unknown): void }[] = [];
  const onLate = vi.fn();
  const limited = limitAnswers(
    { query: () => new Promise((resolve, reject) => answers.push({ resolve: resolve as never, reject })) },
    { stalledAfterMs, onLate },
  );
  const send = (name: string) => {
    const outcome: { rows?: readonly object[]; error?: unknown } = {};
    limited.query({ name, text: "" }, []).then(
      (rows) => (outcome.rows = rows),
      (error: unknown) => (outcome.error = error),
    );
    return outcome;
  };
  return { answers, onLate, send };
}

test("a statement without an answer is given up after half of stalledAfter, as a lost connection", async () => {
  const { send } = silent(30_000);
  const outcome = send("finish_jobs");
  await vi.advanceTimersByTimeAsync(14_999);
  expect(outcome).toEqual({});
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome.error).toBeInstanceOf(DatabaseError);
  expect(outcome.error).toMatchObject({ isConnectionLoss: true, message: expect.stringContaining("15000 ms") });
});

test("a short stalledAfter gives up nothing before five seconds", async () => {
  const { send } = silent(500);
  const outcome = send("finish_jobs");
  await vi.advanceTimersByTimeAsync(4999);
  expect(outcome).toEqual({});
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome.error).toBeInstanceOf(DatabaseError);
});

test("a statement that is slow each time gets twice the time, until it is quick again", async () => {
  const { send, answers } = silent(0);
  const first = send("adopt_orphans");
  await vi.advanceTimersByTimeAsync(5000);
  const [second, other] = [send("adopt_orphans"), send("beat_worker")];
  await vi.advanceTimersByTimeAsync(5000);
  expect([first, second, other].map(({ error }) => error !== undefined)).toEqual([true, false, true]);
  answers[1]?.resolve([{ n: 1 }]);
  await vi.advanceTimersByTimeAsync(0);
  expect(second.rows).toEqual([{ n: 1 }]);
  const third = send("adopt_orphans");
  await vi.advanceTimersByTimeAsync(5000);
  expect(third.error).toBeUndefined();
  const quick = send("adopt_orphans");
  await vi.advanceTimersByTimeAsync(1250);
  answers.at(-1)?.resolve([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(quick.rows).toEqual([]);
  const fifth = send("adopt_orphans");
  await vi.advanceTimersByTimeAsync(5000);
  expect(fifth.error).toBeInstanceOf(DatabaseError);
});

test("a statement that takes ever longer may take twice what it took last", async () => {
  const { send, answers } = silent(0);
  for (const ms of [4_000, 7_999, 15_997, 31_000, 30_999]) {
    const outcome = send("list_ready_queues");
    await vi.advanceTimersByTimeAsync(ms);
    answers.at(-1)?.resolve([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ rows: [] });
  }
});

test("a late answer and a late failure are told of, others are not", async () => {
  const { send, answers, onLate } = silent(0);
  send("fetch_jobs");
  send("fetch_jobs");
  send("fetch_jobs");
  answers[2]?.reject(new Error("refused"));
  await vi.advanceTimersByTimeAsync(5000);
  expect(onLate).not.toHaveBeenCalled();
  answers[0]?.resolve([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(onLate).toHaveBeenCalledTimes(1);
  answers[1]?.reject(new Error("read ETIMEDOUT"));
  await vi.advanceTimersByTimeAsync(0);
  expect(onLate).toHaveBeenCalledTimes(2);
});

test("an answer leaves no timer behind", async () => {
  const { send, answers } = silent(0);
  send("fetch_jobs");
  answers[0]?.resolve([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});
