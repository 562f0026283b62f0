// "procrastinate/prisma": the connector. The tables are in procrastinate.prisma, for the app's own schema.
export type { PrismaDatabase, PrismaTransaction } from "./client-types.ts";
export { type PrismaConnectorOptions, prismaConnector } from "./connector.ts";
