import { z } from "zod";

const schema = z.object({
  DATABASE_URL: z.url(),
  /** 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  WORKER_NAME: z.string().default("worker"),
  WORKER_CONCURRENCY: z.coerce.number().int().default(10),
  /** How long a dead worker keeps its jobs. */
  WORKER_STALLED_AFTER_SECONDS: z.coerce.number().default(30),
});

export const env = schema.parse(process.env);
