import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type WorkerEvent, type WorkerEventMap, WorkerEvents } from "../../src/events.ts";
import { logEvents } from "../../src/log-events.ts";
import type { LogFields, Logger } from "../../src/logger.ts";
import { sampleJob } from "../support/sample-job.ts";

const job = sampleJob({ args: { password: "hunter2" } });
const error = new Error("broken");
const schedule = { taskName: "t", periodicId: "p" };
const tick = { ...schedule, at: new Date(0) };
const EVENTS: { readonly [Name in WorkerEvent]: WorkerEventMap[Name] } = {
  start_worker: { worker: "w", workerId: 1n, queues: undefined },
  stopping_worker: { worker: "w" },
  stop_worker: { worker: "w" },
  start_job: { job },
  job_success: { job, durationMs: 1 },
  job_error: { job, error },
  job_error_retry: { job, error, delayMs: 1 },
  job_aborted: { job, error },
  abort_job: { job, reason: "timeout" },
  ending_job: { job },
  job_interrupted: { job },
  lease_lost: { job },
  job_abandoned: { job },
  note_after_end: { job, method: "log" },
  task_not_found: { job },
  jobs_fetched: { count: 1, durationMs: 1 },
  jobs_rescued: { workerIds: [1n], rescued: 1, ended: 1 },
  queue_paused: { queue: "q" },
  queue_resumed: { queue: "q" },
  old_jobs_deleted: { deleted: 1, kept: 1 },
  old_job_kept: { error },
  idle: { worker: "w" },
  listening: { channel: "c" },
  listen_notify_disabled: { connector: "c" },
  listen_lost: { error },
  listen_failed: { error },
  result_not_stored: { job, problem: "is too large" },
  registering_periodic_task: { ...schedule, cron: "@daily", timezone: "UTC" },
  periodic_deferrer_no_task: { worker: "w" },
  periodic_task_deferred: { ...tick, jobId: 1n },
  periodic_task_already_deferred: tick,
  skip_periodic_task_queueing_lock: tick,
  ignore_periodic_task: tick,
  periodic_task_error: { ...tick, error },
  wait_next_tick: { waitMs: 1 },
  periodic_tasks_removed: { count: 1 },
  database_lost: { error },
  statement_refused: { error },
  database_back: { downMs: 1 },
};

interface Line {
  readonly level: string;
  readonly fields: LogFields;
  readonly message: string;
}

function linesOf(name: WorkerEvent): Line[] {
  const lines: Line[] = [];
  const at = (level: string) => (fields: LogFields, message: string) => lines.push({ level, fields, message });
  const logger: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const events = new WorkerEvents(logger);
  logEvents(events, logger);
  events.emit(name, EVENTS[name] as never);
  return lines;
}

/** The rows of the page's table of events. */
const documented = new Map(
  [...readFileSync("docs/logging.md", "utf8").matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm)].map(
    ([, name, level, fields]) => [
      name,
      { level, fields: [...(fields ?? "").matchAll(/`(\w+)`/g)].map(([, field]) => field) },
    ],
  ),
);

describe.each(Object.keys(EVENTS) as WorkerEvent[])("the event %s", (name) => {
  test("becomes one line with its level and fields, as the page says", () => {
    const [line, ...more] = linesOf(name);
    expect(more).toEqual([]);
    const { action, ...fields } = line?.fields ?? {};
    expect(action).toBe(name);
    expect({ level: line?.level, fields: Object.keys(fields).toSorted() }).toEqual({
      ...documented.get(name),
      fields: documented.get(name)?.fields.toSorted(),
    });
  });

  test("is logged without the arguments of its job", () => {
    expect(JSON.stringify(linesOf(name))).not.toMatch(/hunter2|password/);
  });
});

test("ids are texts in a line, which any logger can write, and bigints in the event", () => {
  expect(linesOf("start_worker")[0]?.fields).toMatchObject({ workerId: "1" });
  expect(linesOf("jobs_rescued")[0]?.fields).toMatchObject({ workerIds: ["1"] });
  expect(linesOf("periodic_task_deferred")[0]?.fields).toMatchObject({ jobId: "1", at: new Date(0) });
});

test("a level that is off is not even subscribed to", () => {
  const logger: Logger = { ...console, isLevelEnabled: (level) => level !== "debug" };
  const events = new WorkerEvents(logger);
  logEvents(events, logger);
  expect([events.has("start_job"), events.has("jobs_fetched"), events.has("job_error")]).toEqual([false, false, true]);
});
