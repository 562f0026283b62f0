import { expect, test } from "vitest";
import { queueSql, tableNames } from "../../src/sql/statement.ts";
import { WorkerPresence } from "../../src/worker/worker-presence.ts";
import type { WorkerRuntime } from "../../src/worker/worker-runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";

test.each([
  ["nothing happened", 0, 0, false],
  ["it was silent for less than the limit", 22_000, 22_000, false],
  ["it was silent for longer", 23_000, 23_000, true],
  ["its machine was suspended", 0, 300_000, true],
  ["its machine was suspended for a moment", 0, 5000, false],
  ["its time of day was set back", 0, -3_600_000, false],
  ["it was silent while its time of day was set back", 23_000, -3_600_000, true],
])("a worker whose jobs would be taken after 30 s thinks so or not where %s", (_what, nowMs, wallMs, mayBeLost) => {
  const clock = new ManualClock();
  const runtime = { clock, options: { stalledAfterMs: 30_000 } } as unknown as WorkerRuntime;
  const presence = new WorkerPresence(runtime, () => undefined);
  const claimedAt = clock.now();
  clock.pass(nowMs);
  clock.setWall(wallMs);
  expect(presence.mayBeLost(claimedAt)).toBe(mayBeLost);
  expect(presence.silentUntil).toBe(mayBeLost ? nowMs : Number.NEGATIVE_INFINITY);
});

test("where it is not known whether others were told that a worker is busy, it trusts in no notification", async () => {
  const clock = new ManualClock();
  const failing = [false, true];
  const query = async (): Promise<never[]> => {
    if (failing.shift()) throw new Error("as told");
    return [{ isNew: false } as never];
  };
  const sql = queueSql({ query }, tableNames());
  const runtime = { clock, sql, identity: { id: 1n }, options: { stalledAfterMs: 30_000 } } as unknown as WorkerRuntime;
  const presence = new WorkerPresence(runtime, () => undefined);
  await presence.setIdle(true);
  expect(presence.isIdle).toBe(true);
  await expect(presence.setIdle(false)).rejects.toThrow("as told");
  expect(presence.isIdle).toBe(false);
});
