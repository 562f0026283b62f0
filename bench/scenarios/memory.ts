import { drivers } from "../contenders/business.ts";
import { procrastinateKept } from "../contenders/procrastinate.ts";
import type { Scenario } from "../scenario.ts";
import { median } from "../statistics.ts";
import { shareOf } from "./drain.ts";

const LOADED = "before its start";
const PEAK = "peak";
const LIVE = "left by a collection at the end";
const GROWTH = "last third against first";
const EVERY_MS = 100;

export const memoryScenario: Scenario = {
  name: "memory",
  title: "Memory of a worker process while it drains",
  referenceOf: () => undefined,
  targets: drivers.flatMap((driver) => {
    const contender = procrastinateKept(driver);
    return [
      { measure: PEAK, contender, atMost: 150 },
      { measure: GROWTH, contender, atMost: 15 },
    ];
  }),
  sizes: ["memoryJobs"],
  run: (bench) =>
    bench.interleave(async ({ contender, database, start }) => {
      const ofJobs = bench.options.memoryJobs;
      const jobs = shareOf(contender, ofJobs);
      const caller = await start();
      await caller.call("fill", { jobs });
      await caller.stop();
      await database.settle();
      const worker = await start();
      const loaded = await worker.call("memory");
      await worker.call("startWorker", { onlyCount: true });
      const samples = await worker.call("sampleMemory", { jobs, everyMs: EVERY_MS });
      const third = Math.ceil(samples.length / 3);
      const growth = median(samples.slice(-third)) - median(samples.slice(0, third));
      const measured = [
        [LOADED, loaded],
        [PEAK, Math.max(...samples)],
        [GROWTH, growth],
        [LIVE, await worker.call("liveHeap")],
      ] as const;
      return measured.map(([measure, megabytes]) => {
        return { measure, contender: contender.name, unit: "MB", rounds: [megabytes], jobs, ofJobs };
      });
    }, 1),
};
