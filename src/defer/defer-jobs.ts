import type { Connector } from "../connector.ts";
import { DatabaseError } from "../database-error.ts";
import { AlreadyEnqueuedError, InvalidArgsError, InvalidOptionError, ProcrastinateError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { retryTransient } from "../retry-transient.ts";
import { deleteJobs } from "../sql/delete-jobs.ts";
import { findWaitingJob } from "../sql/find-waiting-job.ts";
import type { NewJob } from "../sql/insert-jobs.ts";
import { replaceWaitingJob } from "../sql/replace-waiting-job.ts";
import { type QueueSql, queueSql, type TableNames } from "../sql/statement.ts";
import type { BatchDeferOptions, DeferOptions, OnConflict } from "../task/deferrer.ts";
import { type AnyTask, checkTask } from "../task/task.ts";
import type { ValidateHow } from "../task/validate-args.ts";
import { checkArgsSize } from "./args-size.ts";
import { DeferBatcher } from "./defer-batcher.ts";
import { insertInBatch } from "./insert-in-batch.ts";
import { logDeferred } from "./log-deferred.ts";
import { checkBatchDefer, checkDeferOptions, makeNewJob } from "./new-job.ts";
import { splitJobs, writeJobs } from "./write-jobs.ts";

export interface JobDeferrerOptions<Tx> {
  readonly connector: Connector<Tx>;
  readonly tables: TableNames;
  readonly logger: Logger;
  readonly maxArgsBytes: number;
}

const NOTHING_WRITTEN =
  "Nothing of this batch was written. Catch this error, or defer its jobs one by one with onConflict.";
/** A waiting job may start between two statements; as often as this it does not. */
const MAX_CONFLICT_ROUNDS = 20;

/** Writes jobs, inside the caller's transaction or in one of their own. */
export class JobDeferrer<Tx> {
  readonly #options: JobDeferrerOptions<Tx>;
  readonly #pool: QueueSql;
  readonly #batcher: DeferBatcher;

  constructor(options: JobDeferrerOptions<Tx>) {
    this.#options = options;
    this.#pool = queueSql(options.connector.pool, options.tables);
    this.#batcher = new DeferBatcher(this.#pool);
  }

  async defer(task: AnyTask, args: unknown, options: DeferOptions<Tx>): Promise<bigint> {
    checkDeferOptions(options as DeferOptions);
    const job = await this.#newJob(task, args, options as DeferOptions);
    const id = await this.#write(job, options);
    logDeferred(this.#options.logger, [job], [id]);
    return id;
  }

  async #write(job: NewJob, options: DeferOptions<Tx>): Promise<bigint> {
    if (job.queueingLock !== null) return this.#deferKeyed(job, options);
    const write =
      options.tx === undefined ? () => this.#batcher.defer(job) : () => insertOne(this.#sql(options.tx), job);
    const id = await (options.tx === undefined ? retryTransient(write) : write());
    if (id === undefined) throw new ProcrastinateError("database", "Postgres gave no id for a new job.");
    return id;
  }

  async batchDefer(task: AnyTask, argsList: readonly unknown[], options: BatchDeferOptions<Tx>): Promise<bigint[]> {
    checkBatchDefer(argsList, options as DeferOptions);
    checkTask("task", task);
    const jobs = await makeAll(argsList, (args) => this.#newJob(task, args, options as DeferOptions));
    if (jobs.length === 0) return [];
    const twice = findTwice(jobs);
    if (twice !== undefined)
      throw new AlreadyEnqueuedError(twice, "It is given twice in this batch, of which nothing was written.");
    const ids = await this.#writeAll(jobs, options.tx);
    logDeferred(this.#options.logger, jobs, ids);
    return ids;
  }

  async #writeAll(jobs: readonly NewJob[], tx: Tx | undefined): Promise<bigint[]> {
    const parts = splitJobs(jobs);
    if (tx !== undefined) return insertAllOrNone(this.#sql(tx), parts);
    const isOneStatement = parts.length === 1 && jobs.every((job) => job.queueingLock === null);
    if (isOneStatement) return retryTransient(() => insertAllOrNone(this.#pool, parts));
    return retryTransient(() => this.#inTransaction((own) => insertAllOrNone(this.#sql(own), parts)));
  }

  /** What goes wrong with begin and commit comes bare from the driver. */
  async #inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    try {
      return await this.#options.connector.transaction(work);
    } catch (error) {
      throw error instanceof ProcrastinateError ? error : new DatabaseError("batch_defer", error);
    }
  }

  /** The row of a job, checked. @throws InvalidArgsError, InvalidOptionError */
  async newJob(task: AnyTask, args: unknown, options: DeferOptions, how?: ValidateHow): Promise<NewJob> {
    return this.#newJob(task, args, options, how);
  }

  #newJob(task: AnyTask, args: unknown, options: DeferOptions, how?: ValidateHow): NewJob | Promise<NewJob> {
    const job = makeNewJob(task, args, options, how);
    if (job instanceof Promise) return job.then((made) => checkArgsSize(made, this.#options));
    return checkArgsSize(job, this.#options);
  }

  async #deferKeyed(job: NewJob, options: DeferOptions<Tx>): Promise<bigint> {
    const { tx, onConflict = "throw" } = options;
    const inTransaction = tx !== undefined;
    const write = (): Promise<bigint> => insertKeyed(this.#sql(tx), job, { onConflict, inTransaction });
    return inTransaction ? write() : retryTransient(write);
  }

  #sql(tx: Tx | undefined): QueueSql {
    return tx === undefined ? this.#pool : queueSql(this.#options.connector.using(tx), this.#options.tables);
  }
}

/** The rows of a batch, in its order. A promise for each only where one must be waited for. */
async function makeAll(
  argsList: readonly unknown[],
  make: (args: unknown) => NewJob | Promise<NewJob>,
): Promise<readonly NewJob[]> {
  const refused = (error: unknown, index: number): unknown =>
    error instanceof InvalidArgsError || error instanceof InvalidOptionError ? error.ofElement(index) : error;
  const jobs = Array.from(argsList, (args, index): NewJob | Promise<NewJob> => {
    try {
      const job = make(args);
      return job instanceof Promise ? job.catch((error: unknown) => Promise.reject(refused(error, index))) : job;
    } catch (error) {
      // Not thrown: those before it may still be waited for, and nobody would hear what becomes of them.
      return Promise.reject(refused(error, index));
    }
  });
  return areMade(jobs) ? jobs : Promise.all(jobs);
}

function areMade(jobs: readonly (NewJob | Promise<NewJob>)[]): jobs is readonly NewJob[] {
  return jobs.every((job) => !(job instanceof Promise));
}

async function insertOne(sql: QueueSql, job: NewJob): Promise<bigint | undefined> {
  const [id] = await writeJobs(sql, [job]);
  return id;
}

interface KeyedInsert {
  readonly onConflict: OnConflict;
  readonly inTransaction: boolean;
}

async function insertKeyed(sql: QueueSql, job: NewJob, how: KeyedInsert): Promise<bigint> {
  const key = job.queueingLock ?? "";
  if (sql.isBatch) return insertInBatch(sql, job, how.onConflict);
  for (let round = 0; round < MAX_CONFLICT_ROUNDS; round++) {
    const id = (await insertOne(sql, job)) ?? (await resolveConflict(sql, job, how));
    if (id !== undefined) return id;
    if (how.onConflict === "throw") break;
  }
  throw new AlreadyEnqueuedError(key);
}

async function resolveConflict(sql: QueueSql, job: NewJob, how: KeyedInsert): Promise<bigint | undefined> {
  switch (how.onConflict) {
    case "throw":
      return undefined;
    case "ignore":
      return findWaitingJob(sql, job.queueingLock ?? "");
    case "replace":
      return replaceWaitingJob(sql, job, how);
    default:
      return how.onConflict satisfies never;
  }
}

/** In the caller's transaction what was inserted before and beside a conflict is deleted again, for it goes on. */
async function insertAllOrNone(sql: QueueSql, parts: readonly (readonly NewJob[])[]): Promise<bigint[]> {
  const inserted: bigint[] = [];
  for (const jobs of parts) {
    const ids = await writeJobs(sql, jobs);
    for (const id of ids) if (id !== undefined) inserted.push(id);
    const refused = jobs.find((_job, index) => ids[index] === undefined);
    if (refused === undefined) continue;
    await deleteJobs(sql, inserted);
    throw new AlreadyEnqueuedError(refused.queueingLock ?? "", NOTHING_WRITTEN);
  }
  return inserted;
}

function findTwice(jobs: readonly NewJob[]): string | undefined {
  const seen = new Set<string>();
  for (const { queueingLock } of jobs) {
    if (queueingLock === null) continue;
    if (seen.has(queueingLock)) return queueingLock;
    seen.add(queueingLock);
  }
  return undefined;
}
