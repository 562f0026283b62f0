import { InvalidOptionError } from "../errors.ts";
import { checkKnownOptions } from "../option-checks.ts";
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
 * Wraps the writing of jobs, but not of the ticks of schedules: `next`, called once, writes them and gives their ids, in the order of `argsList`; what is
 * passed to it replaces the task, which is one of the app's, the arguments or options. Returns the ids. What it throws,
 * the caller gets.
 */
export type DeferMiddleware = (deferral: Deferral, next: DeferNext) => Promise<readonly bigint[]>;

export type DeferNext = (
  changed?: Partial<Pick<Deferral, "task" | "argsList" | "options">>,
) => Promise<readonly bigint[]>;

export interface LayeredDefer {
  readonly write: (deferral: Deferral) => Promise<readonly bigint[]>;
  /** The app's own task for one that a layer wants deferred instead. @throws TaskNotFoundError, InvalidOptionError */
  readonly known: (task: AnyTask) => AnyTask;
}

/** Puts layers around what writes jobs, the first one outermost. */
export function layerDefer(layers: readonly DeferMiddleware[], { write, known }: LayeredDefer): LayeredDefer["write"] {
  return layers.reduceRight<typeof write>(
    (inner, layer) => async (deferral) => {
      let isCalled = false;
      const ids = await layer(deferral, async (changed = {}) => {
        if (isCalled) throw new MiddlewareError(CALLED_TWICE);
        isCalled = true;
        return inner(change(deferral, changed, known));
      });
      if (Array.isArray(ids) && (deferral.isBatch || typeof ids[0] === "bigint")) return ids;
      throw new MiddlewareError("A deferMiddleware returned no ids. Return what next() gave.");
    },
    write,
  );
}

const CALLED_TWICE =
  "A deferMiddleware called next() twice, which would write the jobs twice. Call it once; defer what else is to be written by app.defer, or in a batchDefer pass it as further elements of argsList.";

/** What is undefined stays as it was. @throws InvalidOptionError, TaskNotFoundError */
function change(deferral: Deferral, changed: Partial<Deferral>, known: LayeredDefer["known"]): Deferral {
  checkKnownOptions("next", changed, ["task", "argsList", "options", "isBatch"]);
  const { task = deferral.task, argsList = deferral.argsList, options = deferral.options } = changed;
  // Whoever spreads the deferral passes it on, too.
  const { isBatch = deferral.isBatch } = changed;
  if (isBatch !== deferral.isBatch) {
    const fix = "cannot be changed: a defer stays one, and so does a batchDefer. Leave it out.";
    throw new InvalidOptionError("next.isBatch", isBatch, fix);
  }
  if (!Array.isArray(argsList)) {
    throw new InvalidOptionError("next.argsList", argsList, "is not an array. Give it the arguments of each job.");
  }
  return { task: task === deferral.task ? task : known(task), argsList, options, isBatch };
}
