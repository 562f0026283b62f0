import { Cron } from "croner";
import { messageOf } from "../describe.ts";
import { InvalidOptionError } from "../errors.ts";

/** The times of a cron expression in a time zone, in milliseconds since 1970. */
export interface CronTimes {
  /** The first one later than `ms`. */
  after(ms: number): number | undefined;
  /** The last one that is not later than `ms`. */
  upTo(ms: number): number | undefined;
}

export interface CronOptions {
  readonly cron: string;
  /** IANA. */
  readonly timezone: string;
}

const MAX_LENGTH = 200;
/** A cron expression has no years: what has no time in the 1,000 years from here on has none at all. */
const SEARCH_FROM = new Date("2000-01-01T00:00:00Z");
const FORM =
  'Give it 5 fields, "minute hour day month weekday", or 6 with the seconds before them, or an alias like "@daily".';

/** Of those that were read; a worker reads the same ones again and again. */
const known = new Map<string, CronTimes>();
const MAX_KNOWN = 5000;

/** @throws InvalidOptionError when the expression cannot be read or has no time at all, or there is no such time zone. */
export function parseCron({ cron, timezone }: CronOptions): CronTimes {
  const key = `${timezone}\n${cron}`;
  const found = known.get(key);
  if (found) return found;
  const times = readCron(cron, timezone);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, times);
  return times;
}

function readCron(cron: string, timezone: string): CronTimes {
  checkTimezone(timezone);
  const pattern = newPattern(cron, timezone);
  if (pattern.nextRun(SEARCH_FROM) === null) {
    throw new InvalidOptionError("cron", cron, "never comes: no date fits it. Look at its day and its month.");
  }
  // Between two times the answer is the same. Schedules share expressions, and a search takes 0.1 ms.
  let from = Number.POSITIVE_INFINITY;
  let next: number | undefined;
  return {
    after(ms) {
      if (next !== undefined && ms >= from && ms < next) return next;
      next = pattern.nextRun(new Date(ms))?.getTime();
      from = ms;
      return next;
    },
    // The time itself would not be before itself.
    upTo: (ms) => pattern.previousRuns(1, new Date(ms + 1))[0]?.getTime(),
  };
}

function newPattern(cron: string, timezone: string): Cron {
  if (typeof cron !== "string") throw new InvalidOptionError("cron", cron, `is not a cron expression. ${FORM}`);
  if (cron.length > MAX_LENGTH) {
    throw new InvalidOptionError("cron", cron, `has ${cron.length} characters. Give it at most ${MAX_LENGTH}.`);
  }
  const expression = cron.trim();
  // The library would take a date for a schedule with one time.
  if (!/^@\w+$|^\S+(\s+\S+){4,5}$/.test(expression)) {
    throw new InvalidOptionError("cron", cron, `is not a cron expression. ${FORM}`);
  }
  try {
    return new Cron(expression, { timezone, paused: true, mode: "5-or-6-parts" });
  } catch (error) {
    // What the library says of the number of fields is wrong for its mode, and quotes what is quoted already.
    const reason = messageOf(error)
      .replace(/^CronPattern: /, "")
      .replace(/\.+$/, "");
    const detail = reason.includes("space separated parts") ? "" : `: ${reason}`;
    throw new InvalidOptionError("cron", cron, `is not a cron expression${detail}. ${FORM}`);
  }
}

/** Offsets like +01:00 are none: some versions of Node take them, and they know no summer time. */
function checkTimezone(timezone: string): void {
  try {
    if (typeof timezone === "string" && /^[A-Za-z]/.test(timezone)) {
      new Intl.DateTimeFormat("en", { timeZone: timezone });
      return;
    }
  } catch {
    // Said below.
  }
  throw new InvalidOptionError("timezone", timezone, 'is not an IANA time zone. Write it like "Europe/Paris".');
}
