import type { CronTimes } from "./cron.ts";

/** What happens to the ticks that came while no worker was there. */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

export interface DueTimesRequest {
  readonly times: CronTimes;
  /** Up to here all ticks are seen to. */
  readonly lastTickMs: number;
  readonly nowMs: number;
  readonly missed: MissedPolicy;
  /** A tick that is later than this is not deferred. */
  readonly maxDelayMs: number;
}

export interface DueTimes {
  /** The oldest tick to be deferred now. */
  readonly due: number | undefined;
  /** Further ticks are due after it. */
  readonly hasMore: boolean;
  /** The latest tick, before the due one, that is not to be deferred: it came too long ago, or another one covers it. */
  readonly ignored: number | undefined;
  /** The next tick that is still to come. */
  readonly next: number | undefined;
}

/**
 * A tick that is no later than this was not missed: a worker may be busy, or start anew, or wait for its database. It
 * is deferred whatever the policy says.
 */
export const ON_TIME_MS = 5000;

/** Decides which ticks of a schedule are to be deferred at a moment. */
export function dueTimes(request: DueTimesRequest): DueTimes {
  const { times, lastTickMs, nowMs } = request;
  // Most schedules have nothing due, and asking an expression costs more than all the rest.
  const following = times.after(lastTickMs);
  if (following === undefined || following > nowMs) {
    return { due: undefined, hasMore: false, ignored: undefined, next: following };
  }
  const second = times.after(following);
  if (second === undefined || second > nowMs) {
    const isDue = following >= oldestOf(request, request.missed !== "skip");
    return { due: isDue ? following : undefined, hasMore: false, ignored: isDue ? undefined : following, next: second };
  }
  const next = times.after(nowMs);
  const latest = times.upTo(nowMs) ?? second;
  const due = firstDue(request, latest);
  const ignored = due === undefined ? latest : times.upTo(due - 1);
  return {
    due,
    hasMore: due !== undefined && due < latest,
    ignored: ignored !== undefined && ignored > lastTickMs ? ignored : undefined,
    next,
  };
}

/** The oldest tick that is in time, or that was not even missed. */
function oldestOf({ nowMs, maxDelayMs }: DueTimesRequest, withMissed: boolean): number {
  return nowMs - (withMissed ? maxDelayMs : Math.min(maxDelayMs, ON_TIME_MS));
}

function firstDue(request: DueTimesRequest, latest: number): number | undefined {
  const { times, lastTickMs, missed } = request;
  const first = times.after(Math.max(lastTickMs, oldestOf(request, missed === "all") - 1));
  if (first !== undefined && first <= latest) return first;
  return missed === "once" && latest >= oldestOf(request, true) ? latest : undefined;
}
