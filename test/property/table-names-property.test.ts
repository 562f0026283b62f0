import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineTask } from "../../src/index.ts";
import { migrationScript } from "../../src/sql/migration-script.ts";
import { quoteIdentifier } from "../../src/sql/statement.ts";
import { runDueJobs } from "../../src/testing/index.ts";
import { storableText } from "../support/any-text.ts";
import { readMigrations } from "../support/migrations.ts";
import { runSql } from "../support/run-sql.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue({ empty: true });
});
afterAll(() => queue.close());

const task = defineTask({ name: "t", run: () => undefined });

/** What SQL, a template, a regular expression or a search path may take for something else. */
const METACHARACTERS = [
  `"`,
  `'`,
  `''`,
  "$1",
  "$$",
  "\\",
  ";",
  "--",
  "/*",
  "%s",
  "`",
  ".",
  " ",
  "\n",
  "É",
  "😀",
  ":a",
  "?",
];
const hostile = (maxBytes: number) =>
  fc
    .array(fc.oneof(fc.constantFrom(...METACHARACTERS), storableText({ minLength: 1, maxLength: 4 })), { minLength: 1 })
    .map((parts) => {
      let text = "";
      for (const part of parts) if (Buffer.byteLength(text + part) <= maxBytes) text += part;
      return text;
    })
    .filter((text) => text !== "" && !/^pg_/.test(text));

const MIGRATIONS = [{ file: "all", sql: readMigrations() }];

test("tables are used under whatever names Postgres takes", async () => {
  await fc.assert(
    fc.asyncProperty(hostile(63), hostile(39), async (schema, prefix) => {
      const tables = { schema, prefix };
      await runSql(queue.url, migrationScript(MIGRATIONS, tables));
      const app = queue.app([task], { tables });
      expect((await app.checkTables()).findings).toEqual([]);
      await app.defer(task, {}, { lock: "l", queueingLock: "k" });
      await app.batchDefer(task, [{}, {}]);
      expect((await runDueJobs(app)).succeeded).toHaveLength(3);
      expect((await app.jobs.count()).succeeded).toBe(3);
      await runSql(queue.url, `drop schema ${quoteIdentifier(schema)} cascade`);
    }),
    { numRuns: 5 },
  );
});
