import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import { DatabaseError } from "../../src/database-error.ts";
import { retryTransient } from "../../src/retry-transient.ts";

function failure(code: string): DatabaseError {
  return new DatabaseError("insert_jobs", Object.assign(new Error("failed"), { code }));
}

/** Writes that fail with these errors in turn, then give 5; and the pauses between them. */
async function run(
  errors: readonly unknown[],
  random = () => 1,
): Promise<{ result: unknown; calls: number; pauses: number[] }> {
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => 0,
    timer(ms, callback) {
      pauses.push(ms);
      callback();
      return () => undefined;
    },
  };
  let calls = 0;
  const write = async (): Promise<number> => {
    const error = errors[calls++];
    if (error !== undefined) throw error;
    return 5;
  };
  const result = await retryTransient(write, { clock, random }).catch((error: unknown) => error);
  return { result, calls, pauses };
}

describe("a write that failed", () => {
  test.each(["40001", "40P01"])("is repeated after a collision with others: %s", async (code) => {
    expect(await run([failure(code), failure(code)])).toEqual({ result: 5, calls: 3, pauses: [2, 4] });
  });

  test("is not repeated when it goes through at once", async () => {
    expect(await run([])).toEqual({ result: 5, calls: 1, pauses: [] });
  });

  test.each([
    failure("23505"),
    failure("08006"),
    failure("57P01"),
    failure("ECONNRESET"),
    failure("42P01"),
    new Error("x"),
  ])("is not repeated after anything else, for it may have been written: %s", async (error) => {
    expect(await run([error])).toEqual({ result: error, calls: 1, pauses: [] });
  });

  test("is given up at last, with its error", async () => {
    const last = failure("40001");
    const { result, calls, pauses } = await run([...Array(9).fill(failure("40001")), last, last, last]);
    expect(result).toBe(last);
    expect(calls).toBe(10);
    expect(pauses.at(-1)).toBe(200);
  });

  test("pauses for a random time, so that the same writers do not collide again", async () => {
    expect((await run([failure("40001")], () => 0.25)).pauses).toEqual([0.5]);
    expect((await run([failure("40001")], () => 0)).pauses).toEqual([0]);
  });
});
