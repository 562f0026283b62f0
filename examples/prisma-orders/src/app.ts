import { createApp } from "procrastinate";
import { prismaConnector } from "procrastinate/prisma";
import { pool, prisma } from "./db.ts";
import { env } from "./env.ts";
import { logger } from "./logger.ts";
import { moveStock } from "./tasks/move-stock.ts";
import { sendConfirmation } from "./tasks/send-confirmation.ts";
import { sendReminder } from "./tasks/send-reminder.ts";

export const app = createApp({
  // Prisma cannot listen for notifications: the worker takes a connection of the same pool for that.
  connector: prismaConnector(prisma, { listen: pool }),
  tasks: [sendConfirmation, sendReminder, moveStock],
  logger,
  workerDefaults: {
    name: env.WORKER_NAME,
    concurrency: env.WORKER_CONCURRENCY,
    heartbeatInterval: { seconds: env.WORKER_STALLED_AFTER_SECONDS / 3 },
    stalledAfter: { seconds: env.WORKER_STALLED_AFTER_SECONDS },
  },
});
