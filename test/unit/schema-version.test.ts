import { expect, test } from "vitest";
import { creationCommands, upgradeCommands } from "../../src/schema/migration-commands.ts";
import { compareVersions, readTablesVersion } from "../../src/schema-version.ts";

test.each([
  [1, { version: 1, worksSince: 1 }],
  [3, { version: 3, worksSince: 3 }],
  [1003, { version: 3, worksSince: 1 }],
  [12_015, { version: 15, worksSince: 12 }],
  [0, { version: 0, worksSince: 0 }],
  [-4, { version: 0, worksSince: 0 }],
  [Number.NaN, { version: 0, worksSince: 0 }],
])("the default %d says %j", (stored, expected) => {
  expect(readTablesVersion(stored)).toEqual(expected);
});

test.each([
  ["nothing", 0, 1, "too_old"],
  ["the same version", 1, 1, "fits"],
  ["a newer one that was added to", 1002, 1, "fits"],
  ["a newer one that says no more", 2, 1, "too_new"],
  ["one that dropped what version 1 used", 2003, 1, "too_new"],
  ["one that kept what version 2 used", 2003, 2, "fits"],
  ["one that lacks what was added", 1002, 3, "too_old"],
])("to a package, tables that say %s are judged rightly (%d for version %d: %s)", (_what, stored, made, verdict) => {
  expect(compareVersions(readTablesVersion(stored), made)).toBe(verdict);
});

test("commands say where the tables are, and stay one word of a shell each", () => {
  const tables = { schema: "my queue", prefix: "it's_" };
  expect(creationCommands({ orm: "pg", tables })).toEqual([
    `npx procrastinate schema sql --schema 'my queue' --prefix 'it'\\''s_' | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`,
  ]);
  expect(creationCommands({ orm: "prisma", tables: { schema: "queue", prefix: "procrastinate_" } })[0]).toBe(
    "npx procrastinate schema add --orm prisma --schema queue",
  );
  expect(upgradeCommands({ orm: "pg", tables: { schema: undefined, prefix: "pq_" } }, 1)).toEqual([
    `npx procrastinate schema sql --from 1 --prefix pq_ | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`,
  ]);
});
