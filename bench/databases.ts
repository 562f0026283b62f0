import pg from "pg";
import { type Activity, readActivity } from "./activity.ts";
import type { Contender } from "./contender.ts";
import type { BenchRedis } from "./redis.ts";
import { createRedisDatabase } from "./redis-database.ts";
import { type StatementTotals, statementTotals, trackStatements } from "./statements.ts";

export interface Database {
  readonly url: string;
  /** Before a measurement: equal statistics for everybody, and no checkpoint inherited from the set-up. */
  settle(): Promise<void>;
  /** Has Postgres count the statements of the sessions that begin from here on. */
  trackStatements(): Promise<void>;
  statementTotals(): Promise<StatementTotals>;
  activity(): Promise<Activity>;
  drop(): Promise<void>;
}

/** Something that a run's database holds from the start; made once, then copied. */
export interface Filling {
  readonly name: string;
  fill(url: string): Promise<void>;
}

/** Gives every run a fresh database, copied from one that its contender prepared once. */
export class Databases {
  readonly #baseUrl: string;
  readonly #admin: pg.Client;
  readonly #redis: BenchRedis;
  readonly #templates = new Map<string, string>();
  #created = 0;

  private constructor(baseUrl: string, admin: pg.Client, redis: BenchRedis) {
    this.#baseUrl = baseUrl;
    this.#admin = admin;
    this.#redis = redis;
  }

  static async open(baseUrl: string, redis: BenchRedis): Promise<Databases> {
    const admin = new pg.Client({ connectionString: `${baseUrl}postgres` });
    await admin.connect();
    return new Databases(baseUrl, admin, redis);
  }

  get admin(): pg.Client {
    return this.#admin;
  }

  /** @param filling What the database holds besides the contender's empty tables. */
  async create(contender: Contender, filling?: Filling): Promise<Database> {
    const name = `run_${++this.#created}`;
    if (contender.store === "redis") return createRedisDatabase(this.#redis, name);
    const template = filling ? await this.#filled(contender, filling) : await this.#template(contender);
    await this.#copy(template, name);
    const url = this.#baseUrl + name;
    return {
      url,
      settle: () => settle(url),
      trackStatements: () => trackStatements(this.#admin, name),
      statementTotals: () => statementTotals(this.#admin, name),
      activity: () => readActivity(this.#admin, url, name),
      drop: async () => {
        await this.#admin.query(`drop database ${name} with (force)`);
      },
    };
  }

  async close(): Promise<void> {
    await this.#admin.end();
  }

  #template(contender: Contender): Promise<string> {
    return this.#once(contender.tables, async (name) => {
      await this.#admin.query(`create database ${name}`);
      await contender.prepare(this.#baseUrl + name);
    });
  }

  #filled(contender: Contender, filling: Filling): Promise<string> {
    return this.#once(`${contender.tables}: ${filling.name}`, async (name) => {
      await this.#copy(await this.#template(contender), name);
      await filling.fill(this.#baseUrl + name);
      await settle(this.#baseUrl + name);
    });
  }

  async #once(key: string, make: (name: string) => Promise<void>): Promise<string> {
    const known = this.#templates.get(key);
    if (known !== undefined) return known;
    const name = `template_${++this.#created}`;
    await make(name);
    this.#templates.set(key, name);
    return name;
  }

  async #copy(template: string, name: string): Promise<void> {
    await this.#admin.query(`create database ${name} template ${template}`);
  }
}

async function settle(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("vacuum analyze");
  await client.query("checkpoint");
  await client.end();
}
