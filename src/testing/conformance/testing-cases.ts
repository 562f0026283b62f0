import assert from "node:assert/strict";
import { defineTask } from "../../index.ts";
import { expectDeferred, runDueJobs } from "../index.ts";
import { type CaseDefinition, countJobs } from "./case.ts";

const runsInside: CaseDefinition = {
  name: "runs jobs inside a transaction that deferred them and is rolled back",
  async check({ connector, app, queue }) {
    const ran: number[] = [];
    const task = defineTask({
      name: "conformance.inside",
      queue,
      async run({ n }: { n: number }, context) {
        ran.push(n);
        if (n === 1) await context.defer(task as never, { n: 2 } as never);
      },
    });
    const working = app([task]);
    const rollBack = new Error("roll back");
    const rolledBack = connector.transaction(async (tx) => {
      await working.defer(task, { n: 1 }, { tx });
      await expectDeferred(working, task, { tx, queue, args: { n: 1 }, times: 1 });
      const run = await runDueJobs(working, { tx, queues: [queue] });
      assert.deepEqual([run.succeeded.length, run.failed.length], [2, 0]);
      throw rollBack;
    });
    await assert.rejects(rolledBack, rollBack);
    assert.deepEqual([ran, await countJobs(connector.pool, queue)], [[1, 2], 0]);
  },
};

export const testingCases: readonly CaseDefinition[] = [runsInside];
