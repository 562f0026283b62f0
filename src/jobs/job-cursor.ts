import { InvalidOptionError } from "../errors.ts";
import type { Direction, JobOrder, JobPlace } from "../sql/list-jobs.ts";

/** Text for a later page: what it is ordered by, in which direction, and after which job it begins. */
export function toCursor(orderBy: JobOrder, direction: Direction, { id, key }: JobPlace): string {
  return Buffer.from(JSON.stringify([orderBy, direction, id, key])).toString("base64url");
}

/** @throws InvalidOptionError when it is none, or of a list in another order. */
export function fromCursor(cursor: string, orderBy: JobOrder, direction: Direction): JobPlace {
  const [cursorBy, cursorDirection, id, key] = parse(cursor);
  const isPlace = typeof id === "string" && isId(id) && typeof key === "string" && isFloat(key);
  if (!isPlace) {
    throw new InvalidOptionError("cursor", cursor, "is not a nextCursor that app.jobs.list gave.");
  }
  if (cursorBy !== orderBy || cursorDirection !== direction) {
    const fix = `is of a list by ${cursorBy} ${cursorDirection}. Give all pages the same orderBy and order.`;
    throw new InvalidOptionError("cursor", cursor, fix);
  }
  return { id, key };
}

function parse(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** As Postgres writes a bigint. */
function isId(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt(text) === BigInt.asIntN(64, BigInt(text));
}

/** As both Postgres and JavaScript write a float8 of that size: each reads some texts that the other does not. */
function isFloat(text: string): boolean {
  return text !== "NaN" && String(Number(text)) === text;
}
