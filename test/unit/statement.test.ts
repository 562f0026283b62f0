import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../../src/errors.ts";
import { numberArray, quoteIdentifier, type TableOptions, tableNames, textArray } from "../../src/sql/statement.ts";
import { anyText, storableText } from "../support/any-text.ts";

/** What Postgres makes of a quoted identifier; fails where the text is more or less than one. */
function unquote(identifier: string): string {
  const body = /^"((?:[^"]|"")+)"$/.exec(identifier)?.[1];
  if (body === undefined) throw new Error(`${identifier} is not one identifier.`);
  return body.replaceAll('""', '"');
}

/** What Postgres makes of an array literal of texts. */
function parseArray(literal: string): string[] {
  const items: string[] = [];
  const item = /"((?:[^"\\]|\\.)*)"(?:,|\}$)/suy;
  for (item.lastIndex = 1; item.lastIndex < literal.length - 1 && literal !== "{}"; ) {
    const found = item.exec(literal);
    if (!found) throw new Error(`${literal} is not an array.`);
    items.push((found[1] ?? "").replace(/\\(.)/gsu, "$1"));
  }
  return items;
}

/** Room for the longest name that the prefix is put before. */
const name = storableText({ minLength: 1, maxLength: 20 }).filter((text) => Buffer.byteLength(text) <= 39);

describe("the names of the tables", () => {
  test("are Procrastinate's", () => {
    expect(tableNames()).toEqual({
      jobs: '"procrastinate_jobs"',
      workers: '"procrastinate_workers"',
      periodicDefers: '"procrastinate_periodic_defers"',
      schedules: '"procrastinate_schedules"',
      queues: '"procrastinate_queues"',
      events: '"procrastinate_events"',
      jobStatus: '"procrastinate_job_status"',
      jobEventType: '"procrastinate_job_event_type"',
      channel: "procrastinate_jobs",
      schema: undefined,
      prefix: "procrastinate_",
    });
  });

  test("begin with the prefix and are in the schema that the app chose", () => {
    const names = tableNames({ schema: "queue", prefix: "pq_" });
    expect(names).toMatchObject({ jobs: '"queue"."pq_jobs"', jobStatus: '"queue"."pq_job_status"' });
    expect(names.channel).toMatch(/^pq_[0-9a-f]{8}$/);
  });

  test("keep apart the channels of all tables that are apart", () => {
    const channels = [
      tableNames(),
      tableNames({ schema: "a" }),
      tableNames({ schema: "b" }),
      tableNames({ prefix: "x" }),
      tableNames({ prefix: "x", schema: "a" }),
    ].map(({ channel }) => channel);
    expect(new Set(channels).size).toBe(channels.length);
    expect(tableNames({ schema: "a" }).channel).toBe(channels[1]);
  });

  test.each([
    'jobs"; drop table users; --',
    '"',
    '""',
    "a'b",
    "a.b",
    "a\\",
    "a b",
    "$1",
    "--",
    "/*",
    "sélect😀",
    "UPPER",
  ])("hold whatever the app calls them, as one identifier: %s", (text) => {
    expect(unquote(quoteIdentifier(text))).toBe(text);
    const { jobs, events } = tableNames({ schema: text, prefix: text.slice(0, 20) });
    const qualifier = `${quoteIdentifier(text)}.`;
    expect(jobs.startsWith(qualifier)).toBe(true);
    expect(unquote(jobs.slice(qualifier.length))).toBe(`${text.slice(0, 20)}jobs`);
    expect(unquote(events.slice(qualifier.length))).toBe(`${text.slice(0, 20)}events`);
  });

  test("can be read back from their quoted form, whatever they are", () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(unquote(quoteIdentifier(text))).toBe(text);
        fc.pre(Buffer.byteLength(text) <= 39);
        expect(unquote(tableNames({ prefix: text }).workers)).toBe(`${text}workers`);
      }),
    );
  });

  test("fit into an identifier of Postgres, that of the longest index too", () => {
    expect(() => tableNames({ prefix: "x".repeat(39) })).not.toThrow();
    expect(() => tableNames({ prefix: "é".repeat(19) })).not.toThrow();
    expect(() => tableNames({ schema: "x".repeat(63) })).not.toThrow();
    const long = /^prefix: .* makes the name "x{40}periodic_defers_tick_idx" of 64 bytes; Postgres has room for 63\./;
    expect(() => tableNames({ prefix: "x".repeat(40) })).toThrow(long);
    expect(() => tableNames({ prefix: "é".repeat(20) })).toThrow("of 64 bytes");
    expect(() => tableNames({ schema: "x".repeat(64) })).toThrow("of 64 bytes; Postgres has room for 63. Shorten it.");
  });

  test.each<TableOptions>([
    { prefix: "" },
    { schema: "" },
    { prefix: "a\u0000" },
    { schema: "\u0000" },
    { prefix: 5 as never },
    { schema: null as never },
    { schema: {} as never },
  ])("are refused where Postgres could not have them: %j", (options) => {
    expect(() => tableNames(options)).toThrow(InvalidOptionError);
    expect(() => tableNames(options)).toThrow("is not a name that Postgres can have.");
  });
});

describe("an array literal", () => {
  test.each([
    [[], "{}"],
    [["a"], '{"a"}'],
    [["", "NULL", "a,b", "{}"], '{"","NULL","a,b","{}"}'],
    [['"', "\\", '\\"'], '{"\\"","\\\\","\\\\\\""}'],
  ])("of texts quotes each: %j", (texts, literal) => {
    expect(textArray(texts)).toBe(literal);
  });

  test("of texts gives all of them back", () => {
    fc.assert(
      fc.property(fc.array(anyText()), (texts) => {
        expect(parseArray(textArray(texts))).toEqual(texts);
      }),
    );
  });

  test("of numbers lists them", () => {
    expect(numberArray([])).toBe("{}");
    expect(numberArray([1, -2n, 9_223_372_036_854_775_807n])).toBe("{1,-2,9223372036854775807}");
  });
});
