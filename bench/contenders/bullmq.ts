import type { JobsOptions, WorkerOptions } from "bullmq";
import type { Contender, Payload, Session, WorkName } from "../contender.ts";

/** What the keys of a run begin with, as part of its URL. */
export const PREFIX_PARAMETER = "prefix";

const QUEUE = "noop";

interface Settings {
  readonly work: Omit<WorkerOptions, "connection" | "prefix">;
  readonly job: JobsOptions;
}

/** The fastest settings found for 6.7 on no-op jobs. */
const TUNED: Settings = { work: { concurrency: 50 }, job: { removeOnComplete: true } };
const DEFAULT: Settings = { work: {}, job: {} };

export const BULLMQ_TUNED = "BullMQ tuned";
export const BULLMQ_DEFAULT = "BullMQ default";

const OTHER_STORE: Partial<Record<WorkName, string>> = {
  locks: "the open BullMQ has no locks",
  transaction: "its jobs are not in the app's database",
  idle: "it is Postgres whose statements are counted",
  footprint: "it writes nothing to Postgres",
};

export const bullmq: readonly Contender[] = [
  contender(BULLMQ_TUNED, TUNED, {
    keeps: "nothing",
    works: ["drain", "latency", "defer"],
    absent: OTHER_STORE,
  }),
  contender(BULLMQ_DEFAULT, DEFAULT, { keeps: "the job", works: ["drain", "latency"], share: 0.2 }),
];

function contender(
  name: string,
  settings: Settings,
  rest: Pick<Contender, "keeps" | "works" | "absent" | "share">,
): Contender {
  return {
    name,
    store: "redis",
    tables: "BullMQ",
    prepare: async () => undefined,
    connect: (url) => connect(settings, url),
    ...rest,
  };
}

async function connect({ work, job }: Settings, address: string): Promise<Session> {
  const { Queue, Worker } = await import("bullmq");
  const { Redis } = await import("ioredis");
  const url = new URL(address);
  const prefix = url.searchParams.get(PREFIX_PARAMETER) ?? "";
  url.searchParams.delete(PREFIX_PARAMETER);
  // What a worker asks for: its blocking calls outlast any number of retries.
  const connection = new Redis(url.href, { maxRetriesPerRequest: null });
  const queue = new Queue<Payload>(QUEUE, { connection, prefix, defaultJobOptions: job });
  await queue.waitUntilReady();
  return {
    enqueueMany: async (payloads, { dueAt } = {}) => {
      const delayOf = (payload: Payload) => (dueAt ? { delay: dueAt(payload).getTime() - Date.now() } : {});
      await queue.addBulk(payloads.map((data) => ({ name: QUEUE, data, opts: delayOf(data) })));
    },
    enqueue: async (payload) => {
      await queue.add(QUEUE, payload);
    },
    work: async (handler, { concurrency } = {}) => {
      const own = { ...work, ...(concurrency === undefined ? {} : { concurrency }) };
      const worker = new Worker<Payload>(QUEUE, async ({ data }) => handler(data), { connection, prefix, ...own });
      await worker.waitUntilReady();
      return { stop: () => worker.close() };
    },
    isBusy: async () => Object.values(await queue.getJobCounts("wait", "active", "delayed")).some((count) => count > 0),
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}
