// "procrastinate/drizzle": the connector, and the tables for an app that wants them elsewhere.
export {
  type DrizzleConnectorOptions,
  type DrizzleDatabase,
  type DrizzleTransaction,
  drizzleConnector,
} from "./connector.ts";
export type { ProcrastinateTables } from "./table-types.ts";
export { createProcrastinateTables, type ProcrastinateTablesOptions } from "./tables.ts";
