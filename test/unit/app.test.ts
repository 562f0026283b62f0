import { describe, expect, test, vi } from "vitest";
import { type AppOptions, createApp } from "../../src/app.ts";
import type { Connector } from "../../src/connector.ts";
import { ConnectorError, InvalidOptionError } from "../../src/errors.ts";
import { type Logger, silentLogger } from "../../src/logger.ts";
import { defineTask } from "../../src/task/define-task.ts";

const query = vi.fn(() => Promise.reject(new Error("no database here")));
const connector: Connector<object> = {
  name: "none",
  pool: { query },
  using: () => ({ query }),
  transaction: (work) => work({}),
};
const task = defineTask({ name: "sample", run: () => 1 });

function create(options: object): () => unknown {
  return () => createApp({ connector, tasks: [task], ...options } as AppOptions<object>);
}

describe("an app", () => {
  test("is made without touching the database", () => {
    const app = createApp({ connector, tasks: [task], logger: silentLogger });
    app.configure(task, { queue: "slow" });
    app.createWorker();
    expect(query).not.toHaveBeenCalled();
  });

  test("knows its tasks by name", () => {
    const app = createApp({ connector, tasks: [task] });
    expect(app.taskNames).toEqual(["sample"]);
    expect(app.getTask("sample")).toBe(task);
    expect(() => app.getTask("other")).toThrow('No task is named "other"');
  });

  test("has each task once", () => {
    expect(create({ tasks: [task, task] })).toThrow('Two tasks are named "sample"');
  });

  test.each([undefined, null, {}, { pool: {} }, { pool: { query } }, { using: () => ({ query }) }, "postgres://x"])(
    "needs a connector: not %s",
    (given) => {
      expect(create({ connector: given })).toThrow(ConnectorError);
      expect(create({ connector: given })).toThrow("Make one with drizzleConnector(db) or prismaConnector(prisma).");
    },
  );

  const { warn: _warn, ...withoutWarn } = silentLogger;

  test.each<[string, object]>([
    ["createApp.conector", { conector: connector }],
    ["createApp.periodical", { periodical: [] }],
    ["tasks", { tasks: undefined }],
    ["tasks", { tasks: { task } }],
    ["tasks", { tasks: [{}] }],
    ["logger", { logger: {} }],
    ["logger", { logger: withoutWarn as Logger }],
    ["prefix", { tables: { prefix: "" } }],
    ["schema", { tables: { schema: "x".repeat(64) } }],
    ["concurrency", { workerDefaults: { concurrency: 0 } }],
    ["maxArgsBytes", { maxArgsBytes: 0 }],
    ["maxArgsBytes", { maxArgsBytes: 1.5 }],
    ["maxArgsBytes", { maxArgsBytes: 268_435_456 }],
    ["maxArgsBytes", { maxArgsBytes: "1 MB" }],
  ])("is refused for its %s: %j", (option, options) => {
    expect(create(options)).toThrow(InvalidOptionError);
    expect(create(options)).toThrow(expect.objectContaining({ option }));
  });
});

describe("arguments of a size", () => {
  const MIB = 1024 * 1024;
  const sized = defineTask<{ text: string }>({ name: "sized" });

  const AROUND = '{"text":""}'.length;

  /** Defers a text into nowhere and gives what was logged. */
  async function deferred(text: string): Promise<[object, string][]> {
    const logged: [object, string][] = [];
    const logger = { ...silentLogger, warn: (fields: object, message: string) => void logged.push([fields, message]) };
    const app = createApp({ connector, tasks: [sized], logger });
    await expect(app.defer(sized, { text })).rejects.toThrow("no database here");
    return logged;
  }

  test("from 1 MiB on are warned of, once and without what they say", async () => {
    expect(await deferred("x".repeat(MIB - AROUND))).toEqual([]);
    expect(await deferred("x".repeat(MIB - AROUND + 1))).toEqual([
      [
        { action: "large_args", task: "sized", bytes: MIB + 1 },
        `The arguments of a job have ${MIB + 1} bytes: store the data elsewhere and pass its key`,
      ],
    ]);
  });

  test("are measured in bytes, not in characters", async () => {
    expect(await deferred("€".repeat(MIB / 3 - AROUND))).toEqual([]);
    expect(await deferred("€".repeat(MIB / 3))).toHaveLength(1);
    expect(await deferred("€".repeat(MIB / 2))).toHaveLength(1);
  });

  test("over the app's limit are refused before the database is asked", async () => {
    query.mockClear();
    const app = createApp({ connector, tasks: [sized], logger: silentLogger, maxArgsBytes: 100 });
    await expect(app.defer(sized, { text: "x".repeat(90) })).rejects.toMatchObject({
      code: "invalid_args",
      path: "args",
      message:
        'Task "sized": args has 101 bytes of JSON; the limit of this app is 100 (maxArgsBytes). Store the data elsewhere and pass its key',
    });
    await expect(app.batchDefer(sized, [{ text: "" }, { text: "é".repeat(45) }])).rejects.toThrow("has 101 bytes");
    expect(query).not.toHaveBeenCalled();
    await expect(app.defer(sized, { text: "x".repeat(89) })).rejects.toThrow("no database here");
  });

  test("over 16 MiB are refused where the app says nothing", async () => {
    const app = createApp({ connector, tasks: [sized], logger: silentLogger });
    await expect(app.defer(sized, { text: "x".repeat(16 * MIB) })).rejects.toThrow("the limit of this app is 16777216");
  });
});
