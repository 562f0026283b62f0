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
  /** What a crash takes of what was answered as done. */
  readonly loses: string;
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
  const stay = async () => undefined;
  if (given) {
    const { facts, loses } = await factsOf(given);
    return { url: given, facts: `${facts}, of REDIS_URL`, loses, stop: stay };
  }
  if (spawnSync(BINARY, ["--version"]).status !== 0) {
    return { url: undefined, facts: `none: no REDIS_URL, and no ${BINARY} on the PATH`, loses: "nothing", stop: stay };
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
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  try {
    return { url, ...(await factsOf(url)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function factsOf(url: string): Promise<Pick<BenchRedis, "facts" | "loses">> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on("error", () => undefined);
  const facts = async () => {
    const version = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? "unknown";
    const [append, sync] = [await setting(redis, "appendonly"), await setting(redis, "appendfsync")];
    return { facts: `${version} appendonly=${append} appendfsync=${sync}`, loses: lossOf(append, sync) };
  };
  try {
    const found = await Promise.race([facts(), sleep(START_TIMEOUT_MS, undefined, { ref: false })]);
    if (found === undefined) throw new Error(`no Redis answered at ${new URL(url).host}`);
    return found;
  } finally {
    redis.disconnect();
  }
}

function lossOf(appendOnly: string, appendFsync: string): string {
  if (appendOnly === "no") return "what came after the last snapshot";
  if (appendOnly === "?" || appendFsync === "?") return "what its settings allow, which it does not tell";
  return { always: "nothing", everysec: "up to a second" }[appendFsync] ?? "what the system had not written";
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
