import { cpus, totalmem } from "node:os";
import type { Client } from "pg";

export type MachineFacts = Readonly<Record<string, string>>;

const SETTINGS = [
  "server_version",
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_level",
  "shared_buffers",
  "max_wal_size",
  "max_connections",
  "jit",
];

export async function machineFacts(admin: Client): Promise<MachineFacts> {
  const { rows } = await admin.query<{ name: string; value: string }>(
    "select name, current_setting(name) as value from pg_settings where name = any($1) order by name",
    [SETTINGS],
  );
  const settings = new Map(rows.map(({ name, value }) => [name, value]));
  const processors = cpus();
  return {
    processors: `${processors.length} x ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.version,
    postgres: settings.get("server_version") ?? "unknown",
    settings: SETTINGS.slice(1)
      .map((name) => `${name}=${settings.get(name) ?? "?"}`)
      .join(" "),
  };
}
