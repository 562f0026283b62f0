import type { DeferOptions } from "../task/deferrer.ts";
import { MiddlewareError } from "../task/middleware.ts";
import type { AnyTask } from "../task/task.ts";

/** A call of `defer` or `batchDefer` on its way. */
export interface Deferral {
  readonly task: AnyTask;
  /** One for `defer`. Not checked yet. */
  readonly argsList: readonly unknown[];
  /** As they were given; what is absent comes from the task. `tx` is that of the app's ORM. */
  readonly options: DeferOptions;
  /** It is `batchDefer`. */
  readonly isBatch: boolean;
}

/**
 * Wraps the writing of jobs: `next` writes them and gives their ids, in the order of `argsList`; what is passed to it
 * replaces the arguments or options. Returns the ids. What it throws, the caller gets.
 */
export type DeferMiddleware = (deferral: Deferral, next: DeferNext) => Promise<readonly bigint[]>;

export type DeferNext = (
  changed?: Partial<Pick<Deferral, "task" | "argsList" | "options">>,
) => Promise<readonly bigint[]>;

/** Puts layers around what writes jobs, the first one outermost. */
export function layerDefer(
  layers: readonly DeferMiddleware[],
  write: (deferral: Deferral) => Promise<readonly bigint[]>,
): (deferral: Deferral) => Promise<readonly bigint[]> {
  return layers.reduceRight<typeof write>(
    (inner, layer) => async (deferral) => {
      const ids = await layer(deferral, (changed) => inner({ ...deferral, ...changed }));
      if (Array.isArray(ids) && (deferral.isBatch || typeof ids[0] === "bigint")) return ids;
      throw new MiddlewareError("A deferMiddleware returned no ids. Return what next() gave.");
    },
    write,
  );
}
