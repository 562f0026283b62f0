import type { Clock } from "../clock.ts";
import { durationToMs } from "../duration.ts";
import { InvalidOptionError } from "../errors.ts";
import { checkInteger, checkKnownOptions, checkText } from "../option-checks.ts";
import {
  countJobs,
  countJobsBy,
  type GroupCounts,
  JOB_GROUPS,
  type JobGroup,
  type StatusCounts,
} from "../sql/count-jobs.ts";
import { findJob, findJobStatus, findJobStory } from "../sql/find-job.ts";
import { JOB_ORDERS, listJobs } from "../sql/list-jobs.ts";
import { listStalledJobs } from "../sql/list-stalled-jobs.ts";
import type { JobEvent, StoredJob } from "../stored-job.ts";
import { fromCursor, toCursor } from "./job-cursor.ts";
import type { JobDatabase } from "./job-database.ts";
import { JobNotFoundError } from "./job-errors.ts";
import { checkId, type JobFilter, toConditions } from "./job-filter.ts";
import { toHistory } from "./job-history.ts";
import type {
  CountByOptions,
  JobManager,
  JobPage,
  ListJobsOptions,
  ListStalledOptions,
  WaitForJobOptions,
  WithTx,
} from "./job-manager.ts";
import { waitForJob } from "./wait-for-job.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const DEFAULT_NAMES = 1000;
const MAX_NAMES = 10_000;
/** When workers take each other for dead. */
const DEFAULT_STALLED = { seconds: 30 };

type Reading<Tx> = Pick<JobManager<Tx>, "get" | "list" | "count" | "countBy" | "history" | "listStalled" | "wait">;

/** The half of the job manager that changes nothing. */
export class JobReader<Tx> implements Reading<Tx> {
  readonly #database: JobDatabase<Tx>;
  readonly #clock: Clock;

  constructor(database: JobDatabase<Tx>, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async get(id: bigint, options: WithTx<Tx> = {}): Promise<StoredJob> {
    checkKnownOptions("get", options, ["tx"]);
    checkId("id", id);
    return found(id, await findJob(this.#database.reading(options.tx), id));
  }

  async list(filter: JobFilter = {}, options: ListJobsOptions<Tx> = {}): Promise<JobPage> {
    checkKnownOptions("list", options, ["tx", "limit", "cursor", "orderBy", "order"]);
    const { tx, cursor, limit = DEFAULT_LIMIT, orderBy = "id", order = "asc" } = options;
    if (!JOB_ORDERS.includes(orderBy)) {
      throw new InvalidOptionError("orderBy", orderBy, `is not one of ${JOB_ORDERS.join(", ")}.`);
    }
    if (order !== "asc" && order !== "desc") throw new InvalidOptionError("order", order, 'is not "asc" or "desc".');
    const { jobs, last } = await listJobs(this.#database.reading(tx), {
      wanted: toConditions(filter),
      orderBy,
      direction: order,
      after: cursor === undefined ? undefined : fromCursor(cursor, orderBy, order),
      limit: checkInteger("limit", limit, 1, MAX_LIMIT),
    });
    return { jobs, nextCursor: last && toCursor(orderBy, order, last) };
  }

  async count(filter: JobFilter = {}, options: WithTx<Tx> = {}): Promise<StatusCounts> {
    checkKnownOptions("count", options, ["tx"]);
    return countJobs(this.#database.reading(options.tx), toConditions(filter));
  }

  async countBy(group: JobGroup, filter: JobFilter = {}, options: CountByOptions<Tx> = {}): Promise<GroupCounts[]> {
    checkKnownOptions("countBy", options, ["tx", "limit", "after"]);
    if (!JOB_GROUPS.includes(group)) {
      throw new InvalidOptionError("group", group, `is not one of ${JOB_GROUPS.join(", ")}.`);
    }
    const { tx, after, limit = DEFAULT_NAMES } = options;
    return countJobsBy(this.#database.reading(tx), group, {
      wanted: toConditions(filter),
      after: after === undefined ? undefined : checkText("after", after),
      limit: checkInteger("limit", limit, 1, MAX_NAMES),
    });
  }

  async history(id: bigint, options: WithTx<Tx> = {}): Promise<JobEvent[]> {
    checkKnownOptions("history", options, ["tx"]);
    checkId("id", id);
    return toHistory(found(id, await findJobStory(this.#database.reading(options.tx), id)));
  }

  async listStalled(options: ListStalledOptions = {}): Promise<StoredJob[]> {
    checkKnownOptions("listStalled", options, ["olderThan", "limit"]);
    const { olderThan = DEFAULT_STALLED, limit = DEFAULT_LIMIT } = options;
    return listStalledJobs(this.#database.pool, {
      olderThanMs: durationToMs(olderThan, "olderThan"),
      limit: checkInteger("limit", limit, 1, MAX_LIMIT),
    });
  }

  async wait(id: bigint, options: WaitForJobOptions = {}): Promise<StoredJob> {
    checkKnownOptions("wait", options, ["timeout", "signal"]);
    checkId("id", id);
    const { timeout, signal } = options;
    const { pool } = this.#database;
    await waitForJob(id, {
      clock: this.#clock,
      look: () => findJobStatus(pool, id),
      timeoutMs: timeout === undefined ? undefined : durationToMs(timeout, "timeout"),
      signal,
    });
    return found(id, await findJob(pool, id));
  }
}

function found<T>(id: bigint, row: T | undefined): T {
  if (row === undefined) throw new JobNotFoundError(id);
  return row;
}
