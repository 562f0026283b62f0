import type { JobContext } from "../task/job-context.ts";
import { type JobMiddleware, MiddlewareError } from "../task/middleware.ts";

/**
 * Runs a handler inside layers of middleware, the first one outermost. Settles when all have ended, also those that
 * the layer around them did not wait for: a job has not ended while its handler runs.
 */
export async function runMiddleware(
  layers: readonly JobMiddleware[],
  context: JobContext,
  handler: () => Promise<unknown>,
): Promise<unknown> {
  const [layer, ...inner] = layers;
  if (!layer) return handler();
  let inside: Inside | undefined;
  let isOver = false;
  const next = (): Promise<unknown> => {
    if (isOver) return refuse(context, "after it had ended");
    if (inside !== undefined) return refuse(context, "twice");
    inside = new Inside((resolve) => resolve(runMiddleware(inner, context, handler)));
    return inside;
  };
  try {
    const returned = await layer(context, next);
    isOver = true;
    await inside?.throwUnheard();
    return returned;
  } catch (threw) {
    isOver = true;
    await inside?.ended;
    throw threw;
  }
}

/** Nobody may wait for it, and an error in what was left running would end the process. */
function refuse({ job }: JobContext, when: string): Promise<never> {
  const refused = Promise.reject(new MiddlewareError(`A middleware of task "${job.taskName}" called next ${when}.`));
  refused.catch(() => undefined);
  return refused;
}

/**
 * What runs inside a layer. It knows whether the layer listens: `await` and all of a promise's methods call the `then`
 * of a subclass.
 */
class Inside extends Promise<unknown> {
  #isHeard = false;
  #hasEnded = false;
  /** Never rejects. It also marks the promise as handled: the layer may listen too late, or never. */
  readonly ended = super.then(
    () => this.#end(),
    () => this.#end(),
  );

  /** What comes out of `then` is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: a promise has one.
  override then<A = unknown, B = never>(
    onFulfilled?: ((value: unknown) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#isHeard = true;
    return super.then(onFulfilled, onRejected);
  }

  /** Waits for the end. Throws what was thrown inside, where the layer was not there to hear it. */
  async throwUnheard(): Promise<void> {
    if (!this.#isHeard || !this.#hasEnded) await this;
  }

  #end(): void {
    this.#hasEnded = true;
  }
}
