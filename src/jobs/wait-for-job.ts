import type { Clock } from "../clock.ts";
import type { JobStatus } from "../job.ts";
import { JobNotFoundError, JobWaitTimeoutError } from "./job-errors.ts";

const FIRST_MS = 10;
const LONGEST_MS = 500;
const GROWTH = 1.5;

export interface WaitParts {
  readonly clock: Clock;
  /** Asks where the job stands; undefined where it is gone. */
  readonly look: () => Promise<JobStatus | undefined>;
  /** Undefined for no end. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Looks at growing intervals until the job has finished. Nobody is told of the end of a job, as a notification for each
 * would cost every queue more than these looks cost those who wait.
 *
 * @throws JobNotFoundError, JobWaitTimeoutError; the signal's reason when that is aborted.
 */
export async function waitForJob(id: bigint, { clock, look, timeoutMs, signal }: WaitParts): Promise<void> {
  const endsAt = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + timeoutMs;
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * GROWTH, LONGEST_MS)) {
    signal?.throwIfAborted();
    const status = await look();
    if (status === undefined) throw new JobNotFoundError(id);
    if (status !== "todo" && status !== "doing") return;
    const leftMs = endsAt - clock.now();
    if (leftMs <= 0) throw new JobWaitTimeoutError(id, status, timeoutMs ?? 0);
    await pause(clock, Math.min(pauseMs, leftMs), signal);
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.timer(ms, end);
    signal?.addEventListener("abort", end);
  });
}
