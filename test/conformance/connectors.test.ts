import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Connector } from "../../src/index.ts";
import { conformanceCases } from "../../src/testing/conformance/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { DRIZZLE_CONNECTIONS } from "../support/drizzle-connections.ts";
import { PRISMA_CONNECTIONS } from "../support/prisma/connections.ts";

interface Opened<Tx> {
  readonly connector: Connector<Tx>;
  close(): Promise<void>;
}

function testConnector<Tx extends object>(name: string, open: (url: string) => Promise<Opened<Tx>>): void {
  describe(name, () => {
    let database: TestDatabase;
    let opened: Opened<Tx>;

    beforeAll(async () => {
      database = await createTestDatabase();
      opened = await open(database.url);
    });
    afterAll(async () => {
      await opened.close();
      await database.drop();
    });

    const singleSession = name.includes("PGlite");
    for (const { name, run } of conformanceCases(() => opened.connector, { singleSession })) test(name, run);

    test("has sessions whose time zone is not UTC", async () => {
      const zone = { name: "zone", text: "select current_setting('timezone') as zone" };
      expect(await opened.connector.pool.query(zone, [])).toEqual([{ zone: "America/New_York" }]);
    });
  });
}

for (const [name, open] of Object.entries(DRIZZLE_CONNECTIONS)) testConnector(name, open);
for (const [name, open] of Object.entries(PRISMA_CONNECTIONS)) testConnector(name, open);

test("a connector that cannot listen, or has one session, is not asked for more", () => {
  const none = () => Promise.reject(new Error("not called"));
  const all = conformanceCases(none);
  const fewer = conformanceCases(none, { listens: false, singleSession: true });
  expect(all.length - fewer.length).toBe(3);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});
