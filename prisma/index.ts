// "procrastinate/prisma": the connector. The tables are in procrastinate.prisma, for the app's own schema.
export type { PrismaDatabase, PrismaPromise, PrismaTransaction } from "./client-types.ts";
export { type PrismaConnectorOptions, prismaConnector } from "./connector.ts";
export { type ProcrastinateExtension, withProcrastinate } from "./extension.ts";
export type { ListenSource } from "./listen-source.ts";
export { statementNameGenerator } from "./statement-names.ts";
