import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { DRIZZLE_FILE } from "../../src/cli/schema/drizzle-file.ts";
import { modelNames, PRISMA_FILE } from "../../src/cli/schema/prisma-file.ts";
import { judgeFile, type SchemaFileKind, stampOf, type Variant } from "../../src/cli/schema/schema-file.ts";

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const SHIPPED = read("prisma/procrastinate.prisma");
const variant = (given: Partial<Variant> = {}): Variant => ({
  tables: {},
  hidden: [],
  relations: new Map(),
  ...given,
});

const VARIANTS: Readonly<Record<string, readonly [SchemaFileKind, Variant]>> = {
  "Prisma's": [PRISMA_FILE, variant()],
  "Prisma's, hidden from the client": [PRISMA_FILE, variant({ hidden: modelNames() })],
  "Prisma's, of which one model is hidden": [PRISMA_FILE, variant({ hidden: ["ProcrastinateEvent"] })],
  "Prisma's, elsewhere": [PRISMA_FILE, variant({ tables: { schema: "queue", prefix: "pq_" } })],
  "Prisma's, with relations": [
    PRISMA_FILE,
    variant({
      tables: { schema: "queue", prefix: "pq_" },
      hidden: ["ProcrastinateWorker"],
      relations: new Map([["ProcrastinateJob", ["  order Order?", '  invoices Invoice[] @relation("sent")']]]),
    }),
  ],
  "Drizzle's": [DRIZZLE_FILE, variant()],
  "Drizzle's, elsewhere": [DRIZZLE_FILE, variant({ tables: { schema: "queue", prefix: "pq_" } })],
  "Drizzle's, with another prefix": [DRIZZLE_FILE, variant({ tables: { prefix: "pq_" } })],
};

describe.each(Object.entries(VARIANTS))("a file, %s", (_what, [kind, given]) => {
  const text = kind.write(given);

  test("is read as it was written, and current", () => {
    expect(kind.readVariant(text)).toEqual(given);
    expect(kind.write(kind.readVariant(text))).toBe(text);
    expect(judgeFile(kind, text)).toEqual({ state: "current" });
  });

  test("is current whatever the line ends, the indentation and the order of blank lines", () => {
    expect(judgeFile(kind, text.replaceAll("\n", "\r\n")).state).toBe("current");
    expect(judgeFile(kind, text.replaceAll("  ", "    ").replaceAll("\n\n", "\n\n\n")).state).toBe("current");
  });

  test("is told to be of an older version, untouched or edited, and of a newer one", () => {
    const older = text.replace("schema version 1", "schema version 0");
    expect(judgeFile(kind, older)).toEqual({ state: "outdated", version: 0, text });
    expect(judgeFile(kind, `${older}export const more = 1;\n`)).toMatchObject({
      state: "edited",
      differences: ["- export const more = 1", "- export const more = 1;"].filter((line) =>
        kind === PRISMA_FILE ? line.endsWith(";") : !line.endsWith(";"),
      ),
    });
    expect(judgeFile(kind, text.replace("schema version 1", "schema version 9"))).toEqual({
      state: "newer",
      version: 9,
    });
  });
});

describe("the Prisma file", () => {
  test("is what the package ships, with the stamp of what it says", () => {
    expect(PRISMA_FILE.write(variant())).toBe(SHIPPED);
    // After a change: put this line there, and into the copy of the example.
    expect(SHIPPED.split("\n")[0]).toBe(stampOf(PRISMA_FILE.essence(SHIPPED)));
  });

  test("is current in the example, whose relation is its own", () => {
    const copy = read("examples/prisma-orders/prisma/schema/procrastinate.prisma");
    expect(judgeFile(PRISMA_FILE, copy)).toEqual({ state: "current" });
    expect(PRISMA_FILE.readVariant(copy).relations.get("ProcrastinateJob")).toEqual(["  order          Order?"]);
  });

  test.each([
    ["a field that is gone", /^ {2}lease .*\n/m, "", ["+ lease Int @default(0)"]],
    ["another type", "lock           String?", "lock String", ["- lock String", "+ lock String?"]],
    ["a field more", /^ {2}lease .*\n/m, "$&  tenant String?\n", ["- tenant String?"]],
    ["a predicate that is gone", ', where: raw("ready")', "", [/^- @@index\(\[queueName/, /^\+ @@index\(\[queueName/]],
    [
      "a table under another name",
      '@@map("procrastinate_events")',
      '@@map("events")',
      [/events/, /procrastinate_events/],
    ],
    ["one enum in a schema of its own", /@@map\("procrastinate_job_status"\)/, '$&\n  @@schema("queue")', [/@@schema/]],
  ] as const)("is told to be edited: %s", (_what, part, by, differences) => {
    const found = judgeFile(PRISMA_FILE, SHIPPED.replace(part, by));
    expect(found.state).toBe("edited");
    const lines = found.state === "edited" ? found.differences : [];
    expect(lines).toHaveLength(differences.length);
    for (const [index, line] of lines.entries()) expect(line).toMatch(differences[index] ?? "nothing");
  });
});

test("a Drizzle file is current as any formatter has it", () => {
  const [, { tables }] = VARIANTS["Drizzle's, elsewhere"] ?? [DRIZZLE_FILE, variant()];
  const formatted = DRIZZLE_FILE.write(variant({ tables }))
    .replace("createProcrastinateTables({ ", "createProcrastinateTables({\n  ")
    .replace(" });", ",\n})")
    .replace(/^(?!\/\/).*$/gm, (line) => line.replaceAll('"', "'").replace(/;$/, ""));
  expect(formatted).toContain("prefix: 'pq_',\n})");
  expect(judgeFile(DRIZZLE_FILE, formatted)).toEqual({ state: "current" });
});
