import { getTableName, is, Table } from "drizzle-orm";
import { getTableConfig, isPgEnum, isPgSchema, PgTable } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";
import { createProcrastinateTables } from "../../drizzle/index.ts";
import * as schema from "../../drizzle/schema.ts";

test("the schema file exports six tables and two enums, under names of their own, and nothing else", () => {
  const kinds = Object.entries(schema).map(([name, value]) => [
    name,
    is(value, PgTable) ? getTableName(value) : isPgEnum(value) && value.enumName,
  ]);
  expect(Object.fromEntries(kinds)).toEqual({
    procrastinateJobs: "procrastinate_jobs",
    procrastinateWorkers: "procrastinate_workers",
    procrastinatePeriodicDefers: "procrastinate_periodic_defers",
    procrastinateSchedules: "procrastinate_schedules",
    procrastinateQueues: "procrastinate_queues",
    procrastinateEvents: "procrastinate_events",
    procrastinateJobStatus: "procrastinate_job_status",
    procrastinateJobEventType: "procrastinate_job_event_type",
  });
});

test("a prefix and a schema are those of all tables, enums, indexes and checks", () => {
  const { procrastinateSchema, ...others } = createProcrastinateTables({ schema: "queue", prefix: "pq_" });
  expect(isPgSchema(procrastinateSchema) && procrastinateSchema.schemaName).toBe("queue");
  for (const value of Object.values(others)) {
    if (!is(value, Table)) {
      expect([value.schema, value.enumName]).toEqual(["queue", expect.stringMatching(/^pq_/)]);
      continue;
    }
    const { name, schema: own, indexes, checks } = getTableConfig(value as PgTable);
    expect(own).toBe("queue");
    const names = [name, ...indexes.map((index) => index.config.name), ...checks.map((check) => check.name)];
    expect(names.filter((each) => !each?.startsWith("pq_"))).toEqual([]);
  }
});

test("the schema public is no schema to Drizzle", () => {
  expect(createProcrastinateTables({ schema: "public" }).procrastinateSchema).toBeUndefined();
  expect(createProcrastinateTables().procrastinateSchema).toBeUndefined();
});

test.each([
  [{ prefix: "" }, /prefix: "" is not a name/],
  [{ schema: "" }, /schema: "" is not a name/],
  [{ prefix: 5 }, /prefix: 5 is not a name/],
  [{ prefix: 'say "hi"_' }, /prefix: .* has a quote or a backslash, which drizzle-kit cannot write/],
  [{ schema: "a\\b" }, /schema: .* has a quote or a backslash/],
  [{ schema: "pg_queue" }, /schema: "pg_queue" begins with pg_, which Postgres keeps for itself/],
  [{ prefix: `${"é".repeat(20)}` }, /"é+periodic_defers_tick_idx" of 64 bytes; Postgres has room for 63/],
  [{ prefx: "a_" }, /prefx: "a_" belongs to an option that does not exist. The options are schema, prefix/],
])("refuses %j", (options, message) => {
  expect(() => createProcrastinateTables(options as never)).toThrow(message);
  expect(() => createProcrastinateTables(options as never)).toThrow(
    expect.objectContaining({ name: "InvalidOptionError" }),
  );
});

test("takes the longest names that Postgres has room for", () => {
  const prefix = "p".repeat(63 - "periodic_defers_tick_idx".length);
  const { procrastinateJobs } = createProcrastinateTables({ schema: "s".repeat(63), prefix });
  expect(getTableName(procrastinateJobs)).toBe(`${prefix}jobs`);
});
