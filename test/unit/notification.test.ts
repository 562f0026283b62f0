import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Notification, parseNotification } from "../../src/worker/listener.ts";
import { anyText, storableText } from "../support/any-text.ts";

describe("a notification", () => {
  test.each<[string, Notification]>([
    ['{"queue":"mail","delayMs":0}', { queue: "mail", delayMs: 0 }],
    ['{"queue":"mail","delayMs":1500.25}', { queue: "mail", delayMs: 1500.25 }],
    ['{"queue":"mail"}', { queue: "mail" }],
    ['{"queue":""}', { queue: "" }],
    ['{"queue":"a","delayMs":0,"job":"123456789012345678"}', { queue: "a", delayMs: 0, job: 123456789012345678n }],
    ['{"abort":"9223372036854775807"}', { abort: "9223372036854775807" }],
    ['{"promote":"a lock"}', { promote: "a lock" }],
    ['{"promote":""}', { promote: "" }],
    ['{"sweep":true}', { sweep: true }],
    ['{"queues":true}', { queues: true }],
    ['{"echo":"7"}', { echo: true }],
    ['{"schedules":true}', { schedules: true }],
    ['{"queue":"a","delayMs":1,"abort":"2","more":3}', { queue: "a", delayMs: 1, abort: "2" }],
  ])("says what its text says: %s", (payload, expected) => {
    expect(parseNotification(payload)).toEqual(expected);
  });

  test.each([
    "",
    "hello",
    "{",
    '{"queue":"mail"',
    "null",
    "5",
    '"queue"',
    "true",
    "[]",
    '[{"queue":"mail"}]',
    '{"queue":5,"delayMs":"soon","abort":7}',
    '{"queue":null,"delayMs":null,"abort":null,"promote":null,"sweep":null}',
    '{"promote":1,"sweep":"true","queues":1,"schedules":1,"echo":7}',
    '{"job":1}',
    '{"job":null}',
    '{"job":"-1"}',
    '{"job":"1e3"}',
    '{"job":"9223372036854775808"}',
    '{"queue":"\\u0000"}',
    '{"promote":"half of a pair: \\ud800"}',
    '{"delayMs":1e999}',
    '{"__proto__":{"queue":"mail","abort":"1"}}',
    "\u0000",
    "🙃",
  ])("says nothing where the text is of somebody else: %j", (payload) => {
    expect(parseNotification(payload)).toEqual({});
  });

  test("never throws, and never says what is not of its kind", () => {
    const field = fc.oneof(fc.jsonValue(), fc.string(), fc.double());
    const ours = fc.record(
      { queue: field, delayMs: field, job: field, abort: field, promote: field, sweep: field },
      { requiredKeys: [] },
    );
    const payloads = fc.oneof(
      anyText(),
      fc.json(),
      ours.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(payloads, (payload) => {
        const { queue, delayMs, job, abort, promote, sweep, ...more } = parseNotification(payload);
        expect(more).toEqual({});
        expect(["string", "undefined"]).toContain(typeof queue);
        expect(["string", "undefined"]).toContain(typeof abort);
        expect(["bigint", "undefined"]).toContain(typeof job);
        expect(["string", "undefined"]).toContain(typeof promote);
        expect([true, undefined]).toContain(sweep);
        expect(delayMs === undefined || Number.isFinite(delayMs)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("comes back from the JSON that Postgres makes of it", () => {
    const names = storableText({ maxLength: 128 });
    fc.assert(
      fc.property(names, fc.double({ noNaN: true, noDefaultInfinity: true }), (queue, delayMs) => {
        const parsed = parseNotification(JSON.stringify({ queue, delayMs }));
        expect(parsed).toEqual({ queue, delayMs: delayMs + 0 });
      }),
    );
  });
});
