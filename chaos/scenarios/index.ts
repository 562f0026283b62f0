import type { Scenario } from "../scenario.ts";
import { crowding } from "./crowding.ts";
import { cutConnections } from "./cut-connections.ts";
import { handlers } from "./handlers.ts";
import { killedWorkers } from "./killed-workers.ts";
import { lostDatabase } from "./lost-database.ts";
import { otherServers } from "./other-servers.ts";
import { refusingServer } from "./refusing-server.ts";
import { stoppedWorkers } from "./stopped-workers.ts";

/** In the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  ...killedWorkers,
  ...stoppedWorkers,
  ...handlers,
  ...lostDatabase,
  ...cutConnections,
  ...otherServers,
  ...refusingServer,
  ...crowding,
];
