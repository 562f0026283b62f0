import { expect, test } from "vitest";
import { InvalidOptionError } from "../../src/errors.ts";
import { resolveWorkerOptions, type WorkerOptions } from "../../src/worker/worker-options.ts";

test.each<[option: string, options: object]>([
  ["worker", { concurency: 2 }],
  ["concurrency", { concurrency: 0 }],
  ["concurrency", { concurrency: 1.5 }],
  ["queues", { queues: [] }],
  ["queues", { queues: "emails" }],
  ["wait", { wait: "no" }],
  ["pollingInterval", { pollingInterval: 0 }],
  ["pollingInterval", { pollingInterval: null }],
  ["pollingInterval", { pollingInterval: { milliseconds: 1 } }],
  ["heartbeatInterval", { heartbeatInterval: 0 }],
  ["stalledAfter", { heartbeatInterval: { seconds: 10 }, stalledAfter: { seconds: 19 } }],
  ["deleteJobs", { deleteJobs: true }],
  ["maxPrefetch", { maxPrefetch: -1 }],
])("a bad %s is refused: %j", (option, options) => {
  const resolve = () => resolveWorkerOptions(options as WorkerOptions);
  expect(resolve).toThrow(InvalidOptionError);
  if (option !== "worker") expect(resolve).toThrow(expect.objectContaining({ option }));
});

test("what is not given is the default", () => {
  expect(resolveWorkerOptions({})).toMatchObject({ name: "worker", concurrency: 1, pollingIntervalMs: undefined });
  expect(resolveWorkerOptions({ pollingInterval: { seconds: 3 } })).toMatchObject({ pollingIntervalMs: 3000 });
});
