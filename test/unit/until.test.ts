import { expect, test } from "vitest";
import { until } from "../support/until.ts";

test("until gives what the check gives at last, whatever it threw before", async () => {
  let calls = 0;
  const check = () => {
    calls += 1;
    if (calls < 3) throw new Error("not yet");
    return calls;
  };
  expect(await until(check)).toBe(3);
});

test("until names what was awaited and how far it came", async () => {
  const seen: number[] = [];
  await expect(until(() => seen.length === 3, { timeoutMs: 20 })).rejects.toThrow(
    "Waited 20 ms in vain until: () => seen.length === 3 (at last: it gave false)",
  );
  const check = async () => Promise.reject(new Error("no such job"));
  const failure = until(check, { timeoutMs: 20, what: () => "the job is there" });
  await expect(failure).rejects.toThrow("until: the job is there (at last: Error: no such job)");
});
