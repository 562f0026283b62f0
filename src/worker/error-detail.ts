import { toStorableText } from "../json.ts";
import type { EventDetail } from "../sql/end-jobs.ts";

/** Longer texts are cut: a stack with a whole response in it must not fill the events table. */
const MAX_MESSAGE = 4000;
const MAX_STACK = 8000;
const MAX_CAUSES = 5;

/** What an event records of an error. Never throws, whatever was thrown. */
export function errorDetail(error: unknown, run: { readonly attempt: number; readonly workerId: bigint }): EventDetail {
  return { attempt: run.attempt, worker: String(run.workerId), ...describeThrown(error, 0) };
}

function describeThrown(error: unknown, depth: number): EventDetail {
  try {
    if (!(error instanceof Error)) return { name: typeof error, message: storable(safeString(error), MAX_MESSAGE) };
    const cause =
      error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: describeThrown(error.cause, depth + 1) };
    return {
      name: storable(error.name, MAX_MESSAGE),
      message: storable(error.message, MAX_MESSAGE),
      stack: storable(error.stack ?? "", MAX_STACK),
      ...cause,
    };
  } catch {
    return { name: "unknown", message: "an error that cannot be read" };
  }
}

function safeString(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value) ?? Object.prototype.toString.call(value);
}

/** Names and messages may be anything: getters, numbers, undefined. */
function storable(text: unknown, maxLength: number): string {
  const whole = String(text);
  return toStorableText(whole.length > maxLength ? `${whole.slice(0, maxLength)}…` : whole);
}
