import pg from "pg";
import type { IdleListener } from "../contender.ts";

/**
 * Listens on a connection of its own, as an idle worker does.
 *
 * @param channel The channel as a SQL expression.
 */
export async function listenIdly(url: string, channel: string): Promise<IdleListener> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let heard = 0;
  client.on("notification", () => {
    heard += 1;
  });
  const { rows } = await client.query<{ name: string }>(`select ${channel} as name`);
  await client.query(`listen ${pg.escapeIdentifier(rows[0]?.name ?? "")}`);
  return { heard: () => heard, stop: () => client.end() };
}
