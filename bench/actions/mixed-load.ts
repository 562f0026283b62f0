import type { EnqueueOptions, Payload } from "../contender.ts";

/** Of each hundred jobs, those from one sequence number to another, and how they are deferred. */
interface Kind {
  readonly from: number;
  readonly to: number;
  readonly options: () => EnqueueOptions;
}

const LOCKS = 100;
const DELAY_MS = 1_000;
/** Of each thousand jobs this one fails for good, in the range of those that are retried. */
const HOPELESS = 52;

const KINDS: readonly Kind[] = [
  { from: 0, to: 10, options: () => ({ dueAt: dueLater() }) },
  { from: 10, to: 20, options: () => ({ lockOf: ({ sequence }) => `lock-${Math.floor(sequence / 100) % LOCKS}` }) },
  { from: 20, to: 30, options: () => ({ priority: 5 }) },
  { from: 30, to: 40, options: () => ({ queue: "mail" }) },
  { from: 40, to: 50, options: () => ({ queue: "reports" }) },
  { from: 50, to: 53, options: () => ({ retried: true }) },
  { from: 53, to: 100, options: () => ({}) },
];

/** What a soak defers, for a reader. */
export const MIXED_LOAD =
  "a tenth each due a second later, of 100 locks, of a higher priority, of a second and of a third queue; 2 % fail once and 1 of 1,000 for good";

/** Splits jobs into those that travel together, each with their options. */
export function byKind(payloads: readonly Payload[]): readonly (readonly [readonly Payload[], EnqueueOptions])[] {
  return KINDS.flatMap(({ from, to, options }) => {
    const among = payloads.filter(({ sequence }) => sequence % 100 >= from && sequence % 100 < to);
    return among.length === 0 ? [] : [[among, options()]];
  });
}

/** How often the job fails. */
export function failuresOf({ sequence }: Payload): number {
  if (sequence % 1_000 === HOPELESS) return Number.POSITIVE_INFINITY;
  return sequence % 100 === 50 || sequence % 100 === 51 ? 1 : 0;
}

function dueLater(): () => Date {
  const due = new Date(Date.now() + DELAY_MS);
  return () => due;
}
