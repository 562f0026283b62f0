import { setTimeout as sleep } from "node:timers/promises";
import type { SessionProcess } from "./session-process.ts";

const EVERY_MS = 20;

/**
 * Resolves when the workers have begun so many jobs. They are asked, and not the database: asked each millisecond, it
 * spent a third of a processor on the answers where finished jobs stay in the table, and little where they do not.
 */
export async function untilBegun(workers: readonly SessionProcess[], jobs: number): Promise<void> {
  for (;;) {
    const begun = await Promise.all(workers.map((worker) => worker.call("handled")));
    if (begun.reduce((sum, each) => sum + each, 0) >= jobs) return;
    await sleep(EVERY_MS);
  }
}
