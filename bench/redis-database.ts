import { Redis } from "ioredis";
import { PREFIX_PARAMETER } from "./contenders/bullmq.ts";
import type { Database } from "./databases.ts";
import type { BenchRedis } from "./redis.ts";

/** A run's own keys in a Redis that may hold those of others. */
export function createRedisDatabase({ url, facts }: BenchRedis, name: string): Database {
  if (url === undefined) throw new Error(`no Redis: ${facts}`);
  const prefix = `procrastinate-bench:${process.pid}:${name}`;
  const full = new URL(url);
  full.searchParams.set(PREFIX_PARAMETER, prefix);
  return {
    url: full.href,
    // Nothing has statistics, and no checkpoint waits.
    settle: async () => undefined,
    trackStatements: () => Promise.reject(onlyPostgres("its statements")),
    statementTotals: () => Promise.reject(onlyPostgres("its statements")),
    activity: () => Promise.reject(onlyPostgres("commits and WAL")),
    drop: () => deleteKeys(url, `${prefix}:*`),
  };
}

function onlyPostgres(what: string): Error {
  return new Error(`Redis does not count ${what}`);
}

async function deleteKeys(url: string, pattern: string): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: pattern, count: 1_000 })) {
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
    }
  } finally {
    redis.disconnect();
  }
}
