import { type Clock, type Random, systemClock, systemRandom } from "./clock.ts";
import { DatabaseError } from "./database-error.ts";

/** A hundred callers on one row of serializable sessions needed six. */
const MAX_ROUNDS = 10;
const MAX_PAUSE_MS = 200;

/**
 * Writes again after a deadlock or a serialization failure: these wrote nothing, so outside the caller's transaction
 * they are not his concern. After a pause of random length, or the same callers would meet again.
 */
export async function retryTransient<T>(
  write: () => Promise<T>,
  { clock, random }: { readonly clock: Clock; readonly random: Random } = { clock: systemClock, random: systemRandom },
): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await write();
    } catch (error) {
      if (round >= MAX_ROUNDS || !(error instanceof DatabaseError && error.isTransient)) throw error;
      const pauseMs = random() * Math.min(2 ** round, MAX_PAUSE_MS);
      await new Promise<void>((resolve) => clock.timer(pauseMs, resolve));
    }
  }
}

/**
 * Does what follows a commit. A failure must not let the committed part be written again, or seem not to have happened;
 * what is left undone the workers find sooner or later.
 */
export async function followCommit(write: () => Promise<unknown>): Promise<void> {
  try {
    await retryTransient(write);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
  }
}
