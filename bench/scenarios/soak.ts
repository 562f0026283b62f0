import pg from "pg";
import { MIXED_LOAD } from "../actions/mixed-load.ts";
import { drivers } from "../contenders/business.ts";
import { GRAPHILE_TUNED } from "../contenders/graphile.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Measurement, Scenario } from "../scenario.ts";

/** What goes on beside the queue, a tenth of the time each. */
const WINDOWS = [
  "1 before",
  "2 before",
  "3 held back",
  "4 held back",
  "5 held back",
  "6 held back",
  "7 held back",
  "8 after",
  "9 after",
  "10 after",
] as const;
const BEFORE = "2 before";
const HELD = "7 held back";
const AFTER = "10 after";
/** A tenth of them is due a second later, and waits until then. */
const PENDING = 10_000;

export const soakScenario: Scenario = {
  name: "soak",
  title: `Jobs of all kinds without end (${MIXED_LOAD}); a long transaction holds back vacuum from the third tenth of the time to the seventh`,
  referenceOf: () => GRAPHILE_TUNED,
  targets: drivers.flatMap((driver) =>
    [HELD, AFTER].map((measure) => ({
      measure,
      contender: procrastinateKept(driver),
      than: { measure: BEFORE },
      atLeast: 0.8,
    })),
  ),
  sizes: ["soakMs", "soakRate"],
  isSeries: true,
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      const worker = await start();
      await worker.call("startWorker", { onlyCount: true, load: "mixed" });
      const { soakMs, soakRate } = bench.options;
      const windowMs = soakMs / WINDOWS.length;
      const holder = new pg.Client({ connectionString: database.url });
      await holder.connect();
      const measurements: Measurement[] = [];
      for (const measure of WINDOWS) {
        // Its snapshot is what vacuum must keep everything for.
        if (measure === "3 held back") await holder.query("begin isolation level repeatable read; select 1");
        if (measure === "8 after") await holder.query("commit");
        const rate = await worker.call("soak", { pending: PENDING, rate: soakRate, windowMs });
        measurements.push({ measure, contender: contender.name, unit: "jobs/s", rounds: [rate] });
      }
      await holder.end();
      return measurements;
    }, 1),
};
