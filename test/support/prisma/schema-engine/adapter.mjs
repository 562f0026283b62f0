import { randomUUID } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import { runOn } from "./database-command.mjs";

const PG_CHAR = 18;
const PG_TEXT = 25;

/** The app's database, and an empty one for the history of migrations, as the engine wants them. */
export function createAdapterFactory({ url, shadowDatabaseUrl }) {
  const schema = url ? (new URL(url).searchParams.get("schema") ?? undefined) : undefined;
  const connectTo = async (connectionString) => mend(await new PrismaPg({ connectionString }, { schema }).connect());
  const factory = new PrismaPg({ connectionString: url }, { schema });
  factory.connect = () => connectTo(url);
  // Its own gives node-postgres a connection string and another database, of which the string wins: the shadow
  // database would be the app's own.
  factory.connectToShadowDb = async () => {
    if (shadowDatabaseUrl) return connectTo(shadowDatabaseUrl);
    const name = `prisma_migrate_shadow_db_${randomUUID()}`;
    await runOn(url, "postgres", `create database "${name}"`);
    const shadow = new URL(url);
    shadow.pathname = `/${name}`;
    const adapter = await connectTo(shadow.href);
    const dispose = adapter.dispose.bind(adapter);
    adapter.dispose = async () => {
      await dispose();
      await runOn(url, "postgres", `drop database if exists "${name}" with (force)`);
    };
    return adapter;
  };
  return bindMigrationAwareSqlAdapterFactory(factory);
}

/** The adapter is made for queries. The engine also reads the catalog and runs scripts. */
function mend(adapter) {
  const queryable = Object.getPrototypeOf(Object.getPrototypeOf(adapter));
  if (!Object.hasOwn(queryable, "readsCatalog")) mendCatalogReads(queryable);
  // Its own splits at each semicolon, also at those in the body of a function.
  adapter.executeScript = async (script) => {
    try {
      await adapter.client.query(script);
    } catch (error) {
      adapter.onError(error);
    }
  };
  return adapter;
}

/** It does not know "char", the type of pg_catalog's flags. */
function mendCatalogReads(queryable) {
  const { performIO, queryRaw } = queryable;
  const chars = new WeakMap();
  queryable.readsCatalog = true;
  queryable.performIO = async function (query) {
    const result = await performIO.call(this, query);
    const found = (result.fields ?? []).filter((field) => field.dataTypeID === PG_CHAR);
    const indexes = found.map((field) => result.fields.indexOf(field));
    chars.set(query, indexes);
    for (const field of found) field.dataTypeID = PG_TEXT;
    return result;
  };
  queryable.queryRaw = async function (query) {
    const result = await queryRaw.call(this, query);
    for (const index of chars.get(query) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
}
