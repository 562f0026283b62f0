import type { Scenario } from "../scenario.ts";
import { handlers } from "./handlers.ts";
import { killedWorkers } from "./killed-workers.ts";
import { lostDatabase } from "./lost-database.ts";
import { stoppedWorkers } from "./stopped-workers.ts";

/** In the order of the table. */
export const SCENARIOS: readonly Scenario[] = [...killedWorkers, ...stoppedWorkers, ...handlers, ...lostDatabase];
