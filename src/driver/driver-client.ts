/** The client or pool of a driver, as far as it is used here. Told apart by what they can do, as none is imported. */
export type DriverClient =
  | { readonly driver: "postgres.js"; readonly client: PostgresJs }
  | { readonly driver: "pglite"; readonly client: PGlite }
  | { readonly driver: "pg-pool"; readonly client: PgPool }
  | { readonly driver: "pg-client"; readonly client: PgClient };

export interface PostgresJs {
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onListening: () => void,
  ): Promise<{ unlisten(): Promise<unknown> }>;
}

export interface PGlite {
  listen(channel: string, onNotification: (payload: string) => void): Promise<unknown>;
  unlisten(channel: string, onNotification: (payload: string) => void): Promise<void>;
  readonly closed?: boolean;
}

/** A client of node-postgres. */
export interface PgClient {
  query(sql: string): Promise<unknown>;
  on(event: "notification", listener: (message: PgNotification) => void): unknown;
  on(event: "error" | "end", listener: (error?: unknown) => void): unknown;
  off(event: "notification", listener: (message: PgNotification) => void): unknown;
  off(event: "error" | "end", listener: (error?: unknown) => void): unknown;
}

export interface PgNotification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** A client that was checked out of a pool. */
export interface PgPoolClient extends PgClient {
  release(destroy: boolean): void;
}

/** A pool of node-postgres, or of one of its relatives. */
export interface PgPool {
  connect(): Promise<PgPoolClient>;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "acquire", listener: (client: PgClient) => void): unknown;
  on(event: "release", listener: (error: unknown, client: PgClient) => void): unknown;
  readonly totalCount: number;
  readonly ending?: boolean;
  readonly options?: { readonly max?: number };
}

/** Recognises the client of a driver; undefined where it is of another one, or there is none. */
export function recognise(client: unknown): DriverClient | undefined {
  if (has(client, "listen", "unlisten", "exec")) return { driver: "pglite", client: client as unknown as PGlite };
  if (has(client, "listen", "unsafe")) return { driver: "postgres.js", client: client as unknown as PostgresJs };
  if (has(client, "connect", "on") && "totalCount" in client) {
    return { driver: "pg-pool", client: client as unknown as PgPool };
  }
  if (has(client, "query", "on", "off")) return { driver: "pg-client", client: client as unknown as PgClient };
  return undefined;
}

function has(value: unknown, ...methods: readonly string[]): value is Readonly<Record<string, unknown>> {
  // The client of postgres.js is a function.
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function");
}

/** Both node-postgres's pool and postgres.js say it under `options.max`. */
export function maxConnectionsOf(client: unknown): number | undefined {
  const options = (client as { readonly options?: { readonly max?: unknown } } | undefined)?.options;
  return typeof options?.max === "number" ? options.max : undefined;
}
