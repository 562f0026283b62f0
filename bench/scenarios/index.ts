import type { Scenario } from "../scenario.ts";
import { deferScenario } from "./defer.ts";
import { drainScenario } from "./drain.ts";
import { latencyScenario } from "./latency.ts";
import { locksScenario } from "./locks.ts";
import { transactionScenario } from "./transaction.ts";

export const scenarios: readonly Scenario[] = [
  drainScenario,
  locksScenario,
  latencyScenario,
  deferScenario,
  transactionScenario,
];
