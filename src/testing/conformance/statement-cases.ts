import assert from "node:assert/strict";
import type { SqlValue } from "../../index.ts";
import { type CaseDefinition, query } from "./case.ts";

const MOMENT_MS = 1_772_600_767_089;
const TEXTS = [
  "",
  "'",
  '"',
  "\\",
  "$1",
  "%",
  "é",
  "日本",
  "🦑",
  "\u2028",
  "a\nb\tc",
  "NULL",
  "{}",
  "x".repeat(100_000),
];

const carriesParameters: CaseDefinition = {
  name: "carries text, numbers, booleans and null unchanged, to Postgres and back",
  async check({ connector: { pool } }) {
    const values: readonly SqlValue[] = ["x", -1, 0.5, false, null, 2_147_483_647];
    const [row] = await query(
      pool,
      `select $1::text as text, $2::int as int, $3::float8 as float, $4::boolean as bool, $5::text as nothing,
        $6::int as big`,
      values,
    );
    assert.deepEqual({ ...row }, { text: "x", int: -1, float: 0.5, bool: false, nothing: null, big: 2_147_483_647 });
    for (const text of TEXTS) {
      const [echo] = await query<{ text: string; length: number }>(
        pool,
        "select $1::text as text, char_length($1::text) as length",
        [text],
      );
      assert.deepEqual({ ...echo }, { text, length: [...text].length });
    }
  },
};

const carriesJson: CaseDefinition = {
  name: "carries JSON as text, with integers that JavaScript cannot hold",
  async check({ connector: { pool } }) {
    const json = JSON.stringify({ text: TEXTS, list: [1.5, null, true], big: "9007199254740993" });
    const [row] = await query<{ json: string; kind: string; big: string }>(
      pool,
      `select $1::text::jsonb::text as json, jsonb_typeof($1::text::jsonb) as kind, $2::text::bigint::text as big`,
      [json, "9007199254740993"],
    );
    assert.deepEqual(JSON.parse(row?.json ?? ""), JSON.parse(json));
    assert.equal(row?.kind, "object");
    assert.equal(row?.big, "9007199254740993");
  },
};

const ordersParameters: CaseDefinition = {
  name: "puts each parameter in its place, also twice and out of order",
  async check({ connector: { pool } }) {
    const text = "select $2::text || $1::text || $2::text || $10::text || $1::text as text";
    const [row] = await query(
      pool,
      `${text}, $3::int + $4::int + $5::int + $6::int + $7::int + $8::int + $9::int as sum`,
      ["a", "b", 1, 2, 3, 4, 5, 6, 7, "c"],
    );
    assert.deepEqual({ ...row }, { text: "babca", sum: 28 });
  },
};

const keepsMoments: CaseDefinition = {
  name: "keeps a moment, whatever the time zone of the session",
  async check({ connector: { pool } }) {
    const [row] = await query<{ ms: number; text: number }>(
      pool,
      `select extract(epoch from to_timestamp($1::float8 / 1000))::float8 * 1000 as ms,
        extract(epoch from $2::text::timestamptz)::float8 * 1000 as text`,
      [MOMENT_MS, new Date(MOMENT_MS).toISOString()],
    );
    assert.deepEqual({ ...row }, { ms: MOMENT_MS, text: MOMENT_MS });
  },
};

const givesRows: CaseDefinition = {
  name: "gives all rows in their order, and none as an empty list",
  async check({ connector: { pool } }) {
    const rows = await query<{ n: number }>(pool, "select n from generate_series(1, $1::int) n order by n", [1000]);
    assert.equal(rows.length, 1000);
    assert.deepEqual(
      rows.map(({ n }) => n),
      Array.from(rows, (_row, index) => index + 1),
    );
    assert.equal((await query(pool, "select 1 as n where $1::boolean", [false])).length, 0);
  },
};

const answersEach: CaseDefinition = {
  name: "gives each of many statements at once its own answer, again and again",
  async check({ connector: { pool } }) {
    const ask = (n: number) => query<{ n: number }>(pool, "select $1::int as n", [n]);
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(Array.from({ length: 30 }, (_none, n) => ask(n)));
      assert.deepEqual(
        answers.map(([row]) => row?.n),
        Array.from(answers, (_answer, n) => n),
      );
    }
  },
};

export const statementCases: readonly CaseDefinition[] = [
  carriesParameters,
  carriesJson,
  ordersParameters,
  keepsMoments,
  givesRows,
  answersEach,
];
