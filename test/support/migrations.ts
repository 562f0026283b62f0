import { readdirSync, readFileSync } from "node:fs";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** The SQL of all migrations, in their order. */
export function readMigrations(): string {
  const files = readdirSync(MIGRATIONS).filter((name) => name.endsWith(".sql"));
  return files
    .sort()
    .map((file) => readFileSync(new URL(file, MIGRATIONS), "utf8"))
    .join("\n");
}
