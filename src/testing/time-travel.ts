import { type Duration, durationToMs } from "../duration.ts";
import { type App, InvalidOptionError } from "../index.ts";
import { checkKnownOptions } from "../option-checks.ts";
import { shiftTimes } from "../sql/shift-times.ts";
import { appSql } from "./app-sql.ts";

/**
 * Lets time go by, without waiting: scheduled jobs and retries become due, the ticks of periodic tasks come, heartbeats and
 * finished jobs get old. What is due is decided by the clock of Postgres, which no test can set, so everything that the
 * queue has stored is moved into the past instead. Workers that are listening look at once.
 *
 * It changes every row of the queue's tables: for the databases of tests.
 *
 * @throws InvalidOptionError, DatabaseError, SchemaMismatchError
 */
export async function timeTravel<Tx>(
  app: App<Tx>,
  duration: Duration,
  options: { readonly tx?: Tx } = {},
): Promise<void> {
  checkKnownOptions("timeTravel", options, ["tx"]);
  const { tx } = options;
  const ms = durationToMs(duration, "duration");
  if (ms > MAX_MS) throw new InvalidOptionError("duration", ms, "ms is longer than 100 years.");
  await shiftTimes(appSql(app, tx), ms);
}

const MAX_MS = 100 * 365 * 86_400_000;
