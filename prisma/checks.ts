import { describe } from "../src/describe.ts";
import { ConnectorError } from "../src/errors.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @throws ConnectorError when it is no Prisma client that reaches a Postgres itself, interactive transactions included. */
export function checkClient(prisma: unknown): void {
  const problem = findClientProblem(prisma);
  if (problem !== undefined) throw new ConnectorError(`prismaConnector(prisma): ${problem}.`);
}

function findClientProblem(prisma: unknown): string | undefined {
  if (!has(prisma, "$queryRawUnsafe", "$executeRawUnsafe", "$transaction")) {
    return `${describe(prisma)} is not a Prisma client. Pass what new PrismaClient({ adapter }) gave`;
  }
  if (!has(prisma, "$connect")) {
    return "this is a transaction, not a client. Pass the client that the transaction is of";
  }
  // Not public: where Prisma keeps it elsewhere, the first statement fails instead, and tells less.
  const { _engineConfig: config } = prisma;
  if (typeof config !== "object" || config === null) return undefined;
  const { accelerateUrl, adapter, activeProvider = "postgresql" } = config as Fields;
  if (activeProvider !== "postgresql" && activeProvider !== "postgres") {
    return `this client is for ${String(activeProvider)}. The queue needs one for PostgreSQL`;
  }
  const fix = "Pass one with a driver adapter: new PrismaClient({ adapter: new PrismaPg({ connectionString }) })";
  if (typeof accelerateUrl === "string") {
    return `this client goes through Prisma Accelerate, not straight to a Postgres. ${fix}`;
  }
  return adapter === undefined || adapter === null ? `this client has no driver adapter. ${fix}` : undefined;
}

/** @throws ConnectorError when it is not what the callback of `prisma.$transaction` gets. */
export function checkTransaction(tx: unknown): void {
  if (has(tx, "$queryRawUnsafe") && !has(tx, "$connect")) return;
  const fix = "Pass the tx of prisma.$transaction(async (tx) => …)";
  if (has(tx, "$connect")) {
    throw new ConnectorError(`tx: this is the client, not a transaction of it. ${fix}, or leave tx out.`);
  }
  if (Array.isArray(tx) || has(tx, "then")) {
    const batch = "or put prisma.$defer(…) into the list, which withProcrastinate(app) adds to the client";
    throw new ConnectorError(`tx: a batch, prisma.$transaction([…]), has no tx. ${fix}, ${batch}.`);
  }
  throw new ConnectorError(`tx: ${describe(tx)} is not a transaction of Prisma. ${fix}.`);
}

/** Asks for the methods by name: a transaction hides those that it has not. */
export function has(value: unknown, ...methods: readonly string[]): value is Fields {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return methods.every((method) => typeof (value as Fields)[method] === "function");
}
