import type { Scenario } from "../scenario.ts";
import { arrivalScenario } from "./arrival.ts";
import { backlogScenario } from "./backlog.ts";
import { deferScenario } from "./defer.ts";
import { drainScenario } from "./drain.ts";
import { footprintScenario } from "./footprint.ts";
import { idleScenario } from "./idle.ts";
import { latencyScenario } from "./latency.ts";
import { locksScenario } from "./locks.ts";
import { memoryScenario } from "./memory.ts";
import { processesScenario } from "./processes.ts";
import { scheduleScenario } from "./schedule.ts";
import { soakScenario } from "./soak.ts";
import { transactionScenario } from "./transaction.ts";

export const scenarios: readonly Scenario[] = [
  drainScenario,
  locksScenario,
  backlogScenario,
  arrivalScenario,
  latencyScenario,
  scheduleScenario,
  deferScenario,
  transactionScenario,
  processesScenario,
  idleScenario,
  memoryScenario,
  soakScenario,
  footprintScenario,
];
