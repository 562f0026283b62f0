import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

/** The Redis for the contenders that store jobs there. */
export interface BenchRedis {
  /** Without a query; undefined where there is none. */
  readonly url: string | undefined;
  /** What it is and what it keeps, for a reader. */
  readonly facts: string;
  stop(): Promise<void>;
}

const BINARY = "redis-server";
const START_TIMEOUT_MS = 10_000;

/**
 * Takes the Redis that REDIS_URL names; else starts one that appends to a file and flushes it every second, which is
 * what Redis recommends to those who do not want to lose data. Postgres flushes at every commit.
 */
export async function startBenchRedis(): Promise<BenchRedis> {
  const given = process.env["REDIS_URL"];
  if (given) return { url: given, facts: `${await factsOf(given)}, of REDIS_URL`, stop: async () => undefined };
  if (spawnSync(BINARY, ["--version"]).status !== 0) {
    return { url: undefined, facts: `none: no REDIS_URL, and no ${BINARY} on the PATH`, stop: async () => undefined };
  }
  const directory = mkdtempSync(join(tmpdir(), "procrastinate-bench-redis-"));
  const port = await freePort();
  const server = spawn(
    BINARY,
    ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes"].concat(
      ["--appendfsync", "everysec", "--save", ""], // no snapshots beside the file
    ),
    { stdio: "ignore" },
  );
  const url = `redis://127.0.0.1:${port}/0`;
  const stop = async () => {
    if (server.exitCode === null && server.kill()) await once(server, "exit");
    rmSync(directory, { recursive: true, force: true });
  };
  // It goes with this process, also when that ends early.
  process.once("exit", () => server.kill());
  try {
    return { url, facts: await factsOf(url), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function factsOf(url: string): Promise<string> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  const facts = async () => {
    const version = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? "unknown";
    return `${version} appendonly=${await setting(redis, "appendonly")} appendfsync=${await setting(redis, "appendfsync")}`;
  };
  try {
    const found = await Promise.race([facts(), sleep(START_TIMEOUT_MS, undefined, { ref: false })]);
    if (found === undefined) throw new Error(`no Redis answered at ${new URL(url).host}`);
    return found;
  } finally {
    redis.disconnect();
  }
}

/** Services may refuse CONFIG. */
async function setting(redis: Redis, name: string): Promise<string> {
  try {
    const [, value] = (await redis.config("GET", name)) as string[];
    return value ?? "?";
  } catch {
    return "?";
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port found");
  return address.port;
}
