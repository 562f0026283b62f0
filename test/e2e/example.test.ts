import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, inject, test } from "vitest";
import { type Child, spawnChild } from "../support/child.ts";
import { runSql } from "../support/run-sql.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = ["drizzle-orders", "prisma-orders"];
/** It takes ten seconds where nothing else runs. */
const TIMEOUT_MS = 90_000;

const temporary = mkdtempSync(join(tmpdir(), "procrastinate-demo-"));
// A Postgres that root starts runs as another user, and must find its data in here.
chmodSync(temporary, 0o755);

afterAll(() => rmSync(temporary, { recursive: true }));

function startDemo(example: string, databaseUrl: string): Child {
  return spawnChild(join(ROOT, "examples", example, "demo/main.ts"), {
    cwd: ROOT,
    env: { DATABASE_URL: databaseUrl, TMPDIR: temporary },
  });
}

function pidsIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => [...line.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid)));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each(EXAMPLES)(
  "the demo of %s plays all steps on a database of its own, and leaves nothing",
  async (example) => {
    const { url } = inject("postgres");
    const demo = startDemo(example, url);
    const { code } = await demo.exited;
    const output = [...demo.lines, ...demo.errors].join("\n");
    expect(output).not.toContain("FAILED");
    expect(output, "colours where nobody sees them").not.toContain("\u001b");
    expect(demo.errors).toEqual([]);
    expect(demo.lines.filter((line) => /^\d\. /.test(line))).toHaveLength(7);
    expect(output).toMatch(/the order and its job were written by the same transaction/);
    expect(output).toMatch(/ok {5}\.\.\. and are gone with the order/);
    expect(output).toMatch(/ok {5}it succeeded at attempt 3/);
    expect(output).toMatch(/ok {5}the second began \d+ ms after the end of the first/);
    expect(output).toMatch(/ok {5}it started \d+\.\d ms late/);
    expect(output).toMatch(/ok {5}one movement is booked, and the stock fell by 3 once/);
    expect(output).toMatch(/ok {5}the movement and the job's completion are one commit/);
    expect(output).toMatch(/ok {5}worker-2 ended with code 0/);
    expect(demo.lines.at(-1)).toMatch(/^(\d+) of \1 expectations met in /);
    expect(code).toBe(0);
    expect(pidsIn(demo.lines).filter(isAlive)).toEqual([]);
    const name = /database (procrastinate_demo_\w+)/.exec(output)?.[1];
    expect(await runSql(url, `select datname from pg_database where datname = '${name}'`)).toEqual([]);
  },
  TIMEOUT_MS,
);

test.each(EXAMPLES)(
  "an interrupted demo of %s takes its processes and its own Postgres with it",
  async (example) => {
    const demo = startDemo(example, "");
    await demo.waitForLine("1. A web request", { timeoutMs: TIMEOUT_MS });
    const pids = pidsIn(demo.lines);
    expect(pids).toHaveLength(2);
    expect(await demo.kill("SIGINT")).toEqual({ code: 130, signal: null });
    expect(demo.errors).toEqual([]);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(temporary).filter((name) => name.startsWith("procrastinate-"))).toEqual([]);
  },
  TIMEOUT_MS,
);
