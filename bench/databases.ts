import pg from "pg";
import type { Contender } from "./contender.ts";

export interface Database {
  readonly url: string;
  /** Before a measurement: equal statistics for everybody, and no checkpoint inherited from the set-up. */
  settle(): Promise<void>;
  drop(): Promise<void>;
}

/** Gives every run a fresh database, copied from one that its contender prepared once. */
export class Databases {
  readonly #baseUrl: string;
  readonly #admin: pg.Client;
  readonly #templates = new Map<string, string>();
  #created = 0;

  private constructor(baseUrl: string, admin: pg.Client) {
    this.#baseUrl = baseUrl;
    this.#admin = admin;
  }

  static async open(baseUrl: string): Promise<Databases> {
    const admin = new pg.Client({ connectionString: `${baseUrl}postgres` });
    await admin.connect();
    return new Databases(baseUrl, admin);
  }

  get admin(): pg.Client {
    return this.#admin;
  }

  async create(contender: Contender): Promise<Database> {
    const name = `run_${++this.#created}`;
    await this.#admin.query(`create database ${name} template ${await this.#template(contender)}`);
    const url = this.#baseUrl + name;
    return {
      url,
      settle: () => settle(url),
      drop: async () => {
        await this.#admin.query(`drop database ${name} with (force)`);
      },
    };
  }

  async close(): Promise<void> {
    await this.#admin.end();
  }

  async #template(contender: Contender): Promise<string> {
    const known = this.#templates.get(contender.name);
    if (known !== undefined) return known;
    const name = `template_${this.#templates.size + 1}`;
    await this.#admin.query(`create database ${name}`);
    await contender.prepare(this.#baseUrl + name);
    this.#templates.set(contender.name, name);
    return name;
  }
}

async function settle(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("vacuum analyze");
  await client.query("checkpoint");
  await client.end();
}
