import type { JobContext } from "../task/job-context.ts";
import { type JobMiddleware, MiddlewareError } from "../task/middleware.ts";

/**
 * Runs a handler inside layers of middleware, the first one outermost. Resolves when all have ended, also those that
 * the layer around them did not wait for: a job has not ended while its handler runs.
 */
export async function runMiddleware(
  layers: readonly JobMiddleware[],
  context: JobContext,
  handler: () => Promise<unknown>,
): Promise<unknown> {
  const [layer, ...inner] = layers;
  if (!layer) return handler();
  let inside: Promise<unknown> | undefined;
  let hasEnded = false;
  const next = (): Promise<unknown> => {
    if (inside !== undefined)
      return Promise.reject(new MiddlewareError(`A middleware of task "${context.job.taskName}" called next twice.`));
    inside = runMiddleware(inner, context, handler).finally(() => {
      hasEnded = true;
    });
    return inside;
  };
  const returned = await layer(context, next);
  // Nobody heard what it threw, so it fails the run.
  if (inside !== undefined && !hasEnded) await inside;
  return returned;
}
