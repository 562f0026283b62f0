import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runSql } from "../../test/support/run-sql.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const REFUSING_MS = 1000;
const RELOAD = "select pg_reload_conf()";

/** The server runs, and refuses every write. */
async function readOnly(stage: Stage): Promise<void> {
  const { url } = stage.server;
  await stage.crew.start(3);
  await stage.deferring.mixture(40 * stage.scale, { ms: 10 });
  const stop = stage.deferring.trickle();
  await stage.untilRuns(50);
  stage.defer(() => runSql(url, "alter system reset default_transaction_read_only").then(() => runSql(url, RELOAD)));
  await runSql(url, "alter system set default_transaction_read_only = on");
  await runSql(url, RELOAD);
  await sleep(REFUSING_MS);
  await runSql(url, "alter system reset default_transaction_read_only");
  await runSql(url, RELOAD);
  await stage.probe(Date.now());
  await stop();
}

const MEGABYTE = 1024 * 1024;

function whyNoSmallDisk(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux can mount a small disk";
  const disk = mountDisk();
  if (disk === undefined) return "a tmpfs cannot be mounted here";
  unmount(disk);
  return undefined;
}

function mountDisk(): string | undefined {
  const disk = mkdtempSync(join(tmpdir(), "procrastinate-disk-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", disk]).status === 0) return disk;
  rmSync(disk, { recursive: true });
  return undefined;
}

function unmount(disk: string): void {
  spawnSync("umount", ["--lazy", disk]);
  rmSync(disk, { recursive: true, force: true });
}

/** The tables are on a disk of their own; the log is not, as Postgres ends where it cannot write that. */
async function fullDisk(stage: Stage): Promise<void> {
  const { url } = stage.server;
  const disk = mountDisk();
  if (disk === undefined) throw new Error("A disk could be mounted a moment ago");
  const name = new URL(stage.url).pathname.slice(1);
  const owner = statSync(stage.server.directory);
  chownSync(disk, owner.uid, owner.gid);
  stage.defer(async () => {
    await runSql(url, `drop database if exists ${name} with (force)`);
    await runSql(url, "drop tablespace small_disk");
    unmount(disk);
  });
  await runSql(url, `create tablespace small_disk location '${disk}'`);
  await runSql(url, `alter database ${name} set tablespace small_disk`);
  await stage.crew.start(3);
  const stop = stage.deferring.trickle();
  await stage.untilRuns(20);
  fill(join(disk, "ballast"));
  // The files have room left in their last pages; large arguments use that up.
  const large = { args: { text: "x".repeat(MEGABYTE) } };
  await stage.until(
    () =>
      stage.deferring.batch("plain", 1, large).then(
        () => false,
        () => true,
      ),
    "the disk is full",
  );
  await sleep(REFUSING_MS);
  rmSync(join(disk, "ballast"));
  await stage.probe(Date.now());
  await stop();
}

function fill(file: string): void {
  try {
    for (;;) writeFileSync(file, Buffer.alloc(MEGABYTE / 16), { flag: "a" });
  } catch {
    // It is full.
  }
}

export const refusingServer: readonly Scenario[] = [
  { fault: "a server that is read-only for a moment", play: readOnly },
  { fault: "a full disk", fullScale: 1, whyNot: whyNoSmallDisk, play: fullDisk },
];
