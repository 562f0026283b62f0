import type { JobStatus } from "../job.ts";
import { checkInteger, checkKnownOptions } from "../option-checks.ts";
import { type CancelOutcome, cancelJobs } from "../sql/cancel-jobs.ts";
import type { ChangedBatch } from "../sql/changed-batch.ts";
import { FIRST_ID, type JobBatch, type JobConditions } from "../sql/job-filter.ts";
import { removeJobs } from "../sql/remove-jobs.ts";
import {
  RETRYABLE_STATUSES,
  type RetryChange,
  type RetryOutcome,
  retryEndedJobs,
  retryKeyedJobs,
} from "../sql/retry-ended-jobs.ts";
import { cancelFlags, RETRY_OPTION_NAMES, toRetryChange } from "./job-changer.ts";
import type { ChangeTarget, JobDatabase } from "./job-database.ts";
import { type JobFilter, toBulkConditions } from "./job-filter.ts";
import type {
  BulkOptions,
  CancelJobOptions,
  CancelledCounts,
  JobManager,
  RetriedCounts,
  RetryJobOptions,
  WithTx,
} from "./job-manager.ts";

const BULK_OPTION_NAMES = ["batchSize", "onProgress"];
const DEFAULT_BATCH = 500;
const MAX_BATCH = 10_000;

type Changing<Tx> = Pick<JobManager<Tx>, "cancelMany" | "retryMany" | "deleteMany">;
type Counts<Outcome extends string> = ReadonlyMap<Outcome, number>;

/** The part of the job manager that changes many jobs, one batch after the other in the order of their ids. */
export class BulkChanger<Tx> implements Changing<Tx> {
  readonly #database: JobDatabase<Tx>;

  constructor(database: JobDatabase<Tx>) {
    this.#database = database;
  }

  async cancelMany(
    filter: JobFilter | "all",
    options: CancelJobOptions<Tx> & BulkOptions = {},
  ): Promise<CancelledCounts> {
    checkKnownOptions("cancelMany", options, ["tx", "abort", "delete", ...BULK_OPTION_NAMES]);
    const { abort, deleteJobs } = cancelFlags(options);
    const wanted = toBulkConditions(filter, abort ? ["todo", "doing"] : ["todo"]);
    const counts = await this.#each<CancelOutcome>(wanted, options, (batch) =>
      this.#database.change(options.tx, ({ sql, inTransaction }: ChangeTarget) =>
        cancelJobs(sql, batch, { abort, deleteJobs, inTransaction }),
      ),
    );
    const of = (outcome: CancelOutcome): number => counts.get(outcome) ?? 0;
    return { cancelled: of("cancelled"), deleted: of("deleted"), abortRequested: of("abort_requested") };
  }

  async retryMany(filter: JobFilter | "all", options: RetryJobOptions<Tx> & BulkOptions = {}): Promise<RetriedCounts> {
    checkKnownOptions("retryMany", options, [...RETRY_OPTION_NAMES, ...BULK_OPTION_NAMES]);
    const change = toRetryChange(options);
    const wanted = toBulkConditions(filter, RETRYABLE_STATUSES);
    const counts = await this.#each(wanted, options, (batch) => this.#retry(batch, change, options.tx));
    return { retried: counts.get("retried") ?? 0, alreadyEnqueued: counts.get("taken") ?? 0 };
  }

  async deleteMany(filter: JobFilter | "all", options: WithTx<Tx> & BulkOptions = {}): Promise<number> {
    checkKnownOptions("deleteMany", options, ["tx", ...BULK_OPTION_NAMES]);
    const wanted = toBulkConditions(filter, ["todo", "succeeded", "failed", "cancelled", "aborted"]);
    const counts = await this.#each<"deleted">(wanted, options, (batch) =>
      this.#database.change(options.tx, ({ sql, inTransaction }) => removeJobs(sql, batch, { inTransaction })),
    );
    return counts.get("deleted") ?? 0;
  }

  /** Those with queueing locks come second, in a transaction in which these are reserved. */
  async #retry(batch: JobBatch, change: RetryChange, tx: Tx | undefined): Promise<ChangedBatch<RetryOutcome>> {
    const plain = await this.#database.change(tx, ({ sql }) => retryEndedJobs(sql, batch, change));
    const isKeyed = (job: readonly [bigint, JobStatus, RetryOutcome | null]): boolean => job[2] === "keyed";
    const ids = plain.jobs.filter(isKeyed).map(([id]) => String(id));
    if (ids.length === 0) return plain;
    const keyedBatch = { ...batch, wanted: { ...batch.wanted, ids } };
    const keyed = await this.#database.together(tx, (sql) => retryKeyedJobs(sql, keyedBatch, change));
    return { ...plain, jobs: [...plain.jobs.filter((job) => !isKeyed(job)), ...keyed.jobs] };
  }

  async #each<Outcome extends string>(
    wanted: JobConditions,
    { batchSize = DEFAULT_BATCH, onProgress }: BulkOptions,
    change: (batch: JobBatch) => Promise<ChangedBatch<Outcome>>,
  ): Promise<Counts<Outcome>> {
    const limit = checkInteger("batchSize", batchSize, 1, MAX_BATCH);
    const counts = new Map<Outcome, number>();
    let done = 0;
    for (const part of splitIds(wanted, limit)) {
      for (let after: bigint | undefined = FIRST_ID; after !== undefined; ) {
        const { jobs, last }: ChangedBatch<Outcome> = await change({ wanted: part, after, limit });
        for (const [, , outcome] of jobs) if (outcome !== null) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        done += jobs.length;
        onProgress?.(done);
        after = last;
      }
    }
    return counts;
  }
}

/** Ids are looked up, and so not all of a long list again for each batch. */
function splitIds(wanted: JobConditions, limit: number): JobConditions[] {
  const { ids } = wanted;
  if (ids === undefined) return [wanted];
  const sorted = [...new Set(ids.map(BigInt))].sort((a, b) => (a < b ? -1 : 1)).map(String);
  const parts: JobConditions[] = [];
  // One less than the limit: such a batch is known to be the last one of its part.
  const size = Math.max(limit - 1, 1);
  for (let at = 0; at < sorted.length; at += size) parts.push({ ...wanted, ids: sorted.slice(at, at + size) });
  return parts;
}
