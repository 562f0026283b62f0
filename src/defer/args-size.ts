import { InvalidArgsError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { NewJob } from "../sql/insert-jobs.ts";

/** Beyond this a job is slow for everyone: it is written, fetched and parsed whole. */
const WARN_BYTES = 1024 * 1024;

/** Without a limit of the app's own. */
export const DEFAULT_MAX_ARGS_BYTES = 16 * 1024 * 1024;

/** Gives the job back. @throws InvalidArgsError when the arguments are larger than the app allows. Warns from 1 MiB on. */
export function checkArgsSize(job: NewJob, { logger, maxArgsBytes }: { logger: Logger; maxArgsBytes: number }): NewJob {
  // One UTF-16 unit makes at most three bytes, so that small arguments need no counting.
  const MAX_BYTES_PER_UNIT = 3;
  if (job.argsJson.length * MAX_BYTES_PER_UNIT <= Math.min(WARN_BYTES, maxArgsBytes)) return job;
  const bytes = Buffer.byteLength(job.argsJson);
  if (bytes > maxArgsBytes) {
    const fix = `has ${bytes} bytes of JSON; the limit of this app is ${maxArgsBytes} (maxArgsBytes). Store the data elsewhere and pass its key`;
    throw new InvalidArgsError(job.task, "args", fix);
  }
  if (bytes > WARN_BYTES) {
    logger.warn(
      { action: "large_args", task: job.task, bytes },
      `The arguments of a job have ${bytes} bytes: store the data elsewhere and pass its key`,
    );
  }
  return job;
}
