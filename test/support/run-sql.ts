import { Client } from "pg";

/** Runs SQL, also several statements at once, on a connection of its own. Gives the rows of a single statement. */
export async function runSql<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  // Without a listener a session that the server ends would end this process; the query's rejection says it, too.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
