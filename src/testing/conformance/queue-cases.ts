import assert from "node:assert/strict";
import { defineTask } from "../../index.ts";
import { runDueJobs } from "../run-due-jobs.ts";
import type { CaseDefinition } from "./case.ts";

const pauses: CaseDefinition = {
  name: "pauses a queue when the transaction of the pause commits, lists it, and resumes it",
  async check({ connector, app, queue }) {
    const ran: bigint[] = [];
    const task = defineTask({ name: "conformance.paused", queue, run: (_args, { job }) => ran.push(job.id) });
    const working = app([task]);
    const id = await working.defer(task);
    await connector.transaction((tx) => working.queues.pause(queue, { tx }));
    await runDueJobs(working, { queues: [queue] });
    assert.deepEqual(ran, []);
    const listed = (await working.queues.list()).find(({ name }) => name === queue);
    assert.deepEqual(
      { ...listed, pausedAt: listed?.pausedAt instanceof Date },
      { name: queue, todo: 1, doing: 0, pausedAt: true },
    );
    assert.equal(await working.queues.resume(queue), true);
    await runDueJobs(working, { queues: [queue] });
    assert.deepEqual(ran, [id]);
  },
};

export const queueCases: readonly CaseDefinition[] = [pauses];
