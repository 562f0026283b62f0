import type { TableFact, TablesDescription } from "../sql/describe-tables.ts";

/** Something about the tables that an app should know. */
export interface TableFinding {
  /**
   * `missing` and `different` from what this package needs; `breaking`: something of the app's own that keeps the queue
   * from working. `advice` makes the queue slower or some other thing harder, and is no failure.
   */
  readonly kind: "missing" | "different" | "breaking" | "advice";
  /** What it is about: `index procrastinate_jobs_wake_idx`. */
  readonly object: string;
  readonly message: string;
}

/** What a claim changes: an index on any of them is written by every claim. */
const CHANGED_BY_CLAIMS = /\b(status|worker_id|lease|started_at)\b/;

/**
 * Compares tables with what this package expects. Columns, indexes, checks and triggers that the app added are its own
 * affair, unless the queue cannot work with them.
 */
export function compareTables(
  expected: readonly TableFact[],
  { facts, requiredColumns, restrictingKeys }: TablesDescription,
  prefix: string,
): TableFinding[] {
  const found = new Map(facts);
  const known = new Map(expected);
  const named = (object: string): string =>
    object.includes(" =") ? object.replace(" =", " ") : object.replace(" ", () => ` ${prefix}`);
  const findings = expected
    // What belongs to a table that is missing is missing with it.
    .filter(([object, is]) => object.startsWith("table ") || isOnFoundTable(object, is, found))
    .flatMap(([object, is]) => judge(object, is, found))
    .map((finding): TableFinding => ({ ...finding, object: named(finding.object) }));
  const own = facts.filter(([object]) => !known.has(object));
  return [
    ...findings,
    ...requiredColumns
      .filter((column) => !known.has(column))
      .map((column): TableFinding => {
        const message = "is not null and has no default, so that the queue can write no row. Give it a default.";
        return { kind: "breaking", object: named(column), message };
      }),
    ...own
      .filter(([object, is]) => object.startsWith("index ") && is.includes("on jobs ") && CHANGED_BY_CLAIMS.test(is))
      .filter(([, is]) => !expected.some(([, wanted]) => wanted === is))
      .map(([object, is]): TableFinding => {
        const message = `(${is}) is written by every claim of a job, as one of its columns changes then.`;
        return { kind: "advice", object: named(object), message };
      }),
    ...restrictingKeys.map((key): TableFinding => {
      const message = "keeps jobs from being deleted. Declare it with on delete set null or cascade.";
      return { kind: "advice", object: `foreign key ${key}`, message };
    }),
  ];
}

function isOnFoundTable(object: string, is: string, found: ReadonlyMap<string, string>): boolean {
  const table = /^(?:column|storage) (\w+)/.exec(object)?.[1] ?? /\bon (\w+) /.exec(is)?.[1];
  return table === undefined || object.startsWith("enum ") || found.has(`table ${table}`);
}

function judge(object: string, expected: string, found: ReadonlyMap<string, string>): TableFinding[] {
  const is = found.get(object);
  const [sort = ""] = object.split(" ");
  if (sort === "storage") return judgeStorage(object, expected, is);
  if (is === undefined) {
    // An index does what it does under any name.
    if (sort === "index" && [...found.values()].includes(expected)) return [];
    return [{ kind: "missing", object, message: sort === "table" ? "" : expected }];
  }
  if (is === expected) return [];
  if (sort === "enum") {
    const lacking = lackingOf(expected, is);
    return lacking.length === 0 ? [] : [{ kind: "different", object, message: `lacks ${lacking.join(", ")}` }];
  }
  return [{ kind: "different", object, message: `is ${is}; should be ${expected}` }];
}

function judgeStorage(object: string, expected: string, is = ""): TableFinding[] {
  // Whoever chose other values did so for a reason.
  const names = (text: string): string => text.replace(/=[^,]*/g, "");
  const lacking = lackingOf(names(expected), names(is));
  if (lacking.length === 0) return [];
  return [{ kind: "advice", object, message: `without ${lacking.join(", ")} the queue is slower under load` }];
}

function lackingOf(expected: string, is: string): string[] {
  const there = is.split(", ");
  return expected.split(", ").filter((each) => !there.includes(each));
}
