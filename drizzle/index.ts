// "procrastinate/drizzle": the connector, and the tables for an app that wants them elsewhere.
export { type DrizzleDatabase, type DrizzleTransaction, drizzleConnector } from "./connector.ts";
export { createProcrastinateTables } from "./schema.ts";
