import assert from "node:assert/strict";
import { ConnectorError, DatabaseError, defineTask } from "../../index.ts";
import { type CaseDefinition, countJobs, query } from "./case.ts";

/** A job, written by hand. */
const INSERT =
  "insert into procrastinate_jobs (task_name, queue_name, queueing_key) values ('t', $1::text, $2::text) returning id::text as id";

const commits: CaseDefinition = {
  name: "commits what a transaction's work wrote, and gives what it gave",
  async check({ connector, queue }) {
    const rows = await connector.transaction((tx) => query<{ id: string }>(connector.using(tx), INSERT, [queue, null]));
    assert.match(rows[0]?.id ?? "", /^\d+$/);
    assert.equal(await countJobs(connector.pool, queue), 1);
  },
};

const rollsBack: CaseDefinition = {
  name: "rolls back what a transaction's work wrote when it rejects, and rejects with the same error",
  async check({ connector, queue }) {
    const reason = new Error("mine");
    const failing = connector.transaction(async (tx) => {
      await query(connector.using(tx), INSERT, [queue, null]);
      assert.equal(await countJobs(connector.using(tx), queue), 1);
      throw reason;
    });
    await assert.rejects(failing, (error) => error === reason);
    assert.equal(await countJobs(connector.pool, queue), 0);
  },
};

const isolates: CaseDefinition = {
  name: "keeps what a transaction wrote from the others until it commits",
  needs: "sessions",
  async check({ connector, queue }) {
    await connector.transaction(async (tx) => {
      await query(connector.using(tx), INSERT, [queue, null]);
      assert.equal(await countJobs(connector.pool, queue), 0);
    });
    assert.equal(await countJobs(connector.pool, queue), 1);
  },
};

const tellsStates: CaseDefinition = {
  name: "throws a DatabaseError with the SQLSTATE for what Postgres refuses",
  async check({ connector: { pool } }) {
    const refused = (text: string, sqlState: string) =>
      assert.rejects(query(pool, text), (error) => {
        assert.ok(error instanceof DatabaseError);
        assert.equal(error.sqlState, sqlState);
        assert.equal(error.isConnectionLoss, false);
        return true;
      });
    await refused("select * from conformance_nowhere", "42P01");
    await refused("select conformance_column from procrastinate_jobs", "42703");
    await refused("select 1 / 0 as n", "22012");
    await refused("select 'x'::int as n", "22P02");
    await refused("selec 1", "42601");
    assert.deepEqual((await query(pool, "select 1 as n")).length, 1);
  },
};

const tellsConstraints: CaseDefinition = {
  name: "tells the violated constraint, also inside a transaction, which then rolls back",
  async check({ connector, queue }) {
    await query(connector.pool, INSERT, [queue, queue]);
    const isViolation = (error: unknown): true => {
      assert.ok(error instanceof DatabaseError);
      assert.equal(error.sqlState, "23505");
      assert.equal(error.constraint, "procrastinate_jobs_queueing_key_idx");
      return true;
    };
    await assert.rejects(query(connector.pool, INSERT, [queue, queue]), isViolation);
    const inside = connector.transaction(async (tx) => {
      await query(connector.using(tx), INSERT, [queue, null]);
      await query(connector.using(tx), INSERT, [queue, queue]);
    });
    await assert.rejects(inside, isViolation);
    assert.equal(await countJobs(connector.pool, queue), 1);
  },
};

const refusesOthers: CaseDefinition = {
  name: "refuses what is no transaction of its ORM before anything is written",
  async check({ connector, app, queue }) {
    const task = defineTask({ name: "conformance.refused", queue });
    for (const tx of [{}, [], Promise.resolve(), { query: () => undefined }]) {
      assert.throws(() => connector.using(tx as never), ConnectorError);
      await assert.rejects(app([task]).defer(task, {}, { tx: tx as never }), ConnectorError);
    }
    assert.equal(await countJobs(connector.pool, queue), 0);
  },
};

export const transactionCases: readonly CaseDefinition[] = [
  commits,
  rollsBack,
  isolates,
  tellsStates,
  tellsConstraints,
  refusesOthers,
];
