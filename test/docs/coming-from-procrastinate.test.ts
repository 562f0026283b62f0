import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as index from "../../src/index.ts";
import * as conformance from "../../src/testing/conformance/index.ts";
import * as testing from "../../src/testing/index.ts";
import { Worker } from "../../src/worker/worker.ts";

const page = readFileSync("docs/coming-from-procrastinate.md", "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|") && !line.startsWith("|---"))
  .map((line) => line.replaceAll("\\|", "/").split("|").slice(1, -1));
/** What stands in backticks in our columns. */
const ours = rows.flatMap(([, here = "", difference = ""]) =>
  [...`${here} ${difference}`.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
);

test("each row says what is there, what is here, and what differs", () => {
  expect(rows.length).toBeGreaterThan(200);
  for (const cells of rows) {
    expect([cells.length, ...cells.map((cell) => cell.trim() === "")], cells.join("|")).toEqual([
      3,
      false,
      false,
      false,
    ]);
  }
});

test("what the page names of the app, of its workers, of errors and functions is there", () => {
  const app = index.createApp({
    connector: {
      name: "none",
      pool: { query: async () => [] },
      using: () => ({ query: async () => [] }),
      transaction: (work) => work({}),
    },
    tasks: [],
  });
  const find = (path: string, from: object): unknown =>
    path.split(".").reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], from);
  const exported: object = { ...index, ...testing, ...conformance, app, worker: Worker.prototype };
  // Of the ORM's entry points, and of the handler's context, which has types alone.
  const elsewhere = /^(drizzleConnector|prismaConnector|context)\b/;
  const named = ours
    .map((name) => /^(app(\.\w+)+|worker\.\w+|\w+Error|\w+(?=\())/.exec(name)?.[0])
    .filter((name): name is string => name !== undefined && !elsewhere.test(name));
  expect(named.length).toBeGreaterThan(60);
  expect(named.filter((name) => find(name, exported) === undefined)).toEqual([]);
});
