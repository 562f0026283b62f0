import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  /** Milliseconds. Default: 10 seconds, for what should take some milliseconds. */
  readonly timeoutMs?: number;
  /** What is awaited, for the failure; asked for when it comes to that. Default: the source of the check. */
  readonly what?: () => string;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Between two looks, and so much longer at most: what takes seconds is not looked at 200 times a second. */
const INTERVAL_MS = 5;
const LONGEST_INTERVAL_MS = 25;
/** Of the time that was waited already. */
const GROWTH = 0.05;

/**
 * Waits until the check gives something truthy, and gives that. A check that throws (an `expect`, say) is tried again.
 *
 * @throws Error that names what was awaited, with the last error of the check as its cause.
 */
export async function until<T>(
  check: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const startedAt = performance.now();
  const deadline = startedAt + timeoutMs;
  for (;;) {
    const outcome = await attempt(check);
    if (outcome.value) return outcome.value as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) {
      const what = options.what?.() ?? String(check).replace(/\s+/g, " ");
      const last = "error" in outcome ? String(outcome.error) : `it gave ${String(outcome.value)}`;
      throw new Error(`Waited ${timeoutMs} ms in vain until: ${what} (at last: ${last})`, { cause: outcome.error });
    }
    await sleep(Math.min(INTERVAL_MS + GROWTH * (performance.now() - startedAt), LONGEST_INTERVAL_MS));
  }
}

async function attempt<T>(check: () => T | Promise<T>): Promise<{ value?: T; error?: unknown }> {
  try {
    return { value: await check() };
  } catch (error) {
    return { error };
  }
}
