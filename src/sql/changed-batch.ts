import type { JobStatus } from "../job.ts";

/** The jobs of a batch with the state that was found and what was done; null where that state does not allow it. */
export interface ChangedBatch<Outcome> {
  readonly jobs: readonly (readonly [id: bigint, found: JobStatus, outcome: Outcome | null])[];
  /** After which id the next batch begins; undefined after the last one. */
  readonly last: bigint | undefined;
  /** To be promoted. */
  readonly locks: readonly string[];
}

export interface ChangedRow {
  readonly last: string | null;
  readonly locks: string | null;
  readonly jobs: string | null;
}

export function parseChanged<Outcome>({ last, locks, jobs }: ChangedRow): ChangedBatch<Outcome> {
  const rows = JSON.parse(jobs ?? "[]") as [id: string, found: JobStatus, outcome: Outcome | null][];
  return {
    jobs: rows.map(([id, found, outcome]) => [BigInt(id), found, outcome]),
    last: last === null ? undefined : BigInt(last),
    locks: locks === null ? [] : (JSON.parse(locks) as string[]),
  };
}
