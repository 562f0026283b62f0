import type { JobEventType } from "../job.ts";
import type { JsonObject } from "../json.ts";
import type { JobStory } from "../sql/find-job.ts";
import type { JobEvent } from "../stored-job.ts";

interface Told {
  readonly type: JobEventType;
  readonly at: number;
  readonly detail: JsonObject | null;
}

/**
 * The events of a job in their order. What happens to every job has no rows, so it is told by the job's own times: that
 * it was deferred, the start of the last run, and its end.
 */
export function toHistory({ status, deferredAt, startedAt, finishedAt, events }: JobStory): JobEvent[] {
  const told: Told[] = [
    { type: "deferred", at: deferredAt, detail: null },
    ...events.map(([type, at, detail]) => ({ type, at, detail })),
  ];
  if (startedAt !== null) {
    // After all that happened before that run; what happened in the same moment came of it.
    const next = told.findIndex(({ at }, index) => index > 0 && at >= startedAt);
    told.splice(next < 0 ? told.length : next, 0, { type: "started", at: startedAt, detail: null });
  }
  const isEnded = finishedAt !== null && status !== "todo" && status !== "doing";
  const hasEnd = events.some(([type, at]) => type === status && finishedAt !== null && at >= finishedAt);
  if (isEnded && !hasEnd) {
    const next = told.findIndex(({ at }) => at > finishedAt);
    told.splice(next < 0 ? told.length : next, 0, { type: status, at: finishedAt, detail: null });
  }
  return told.map(({ at, ...event }) => ({ ...event, at: new Date(at) }));
}
