import type { TemporaryPostgres } from "../test/support/temporary-postgres.ts";
import type { Stage } from "./stage.ts";

/** A way to break things. */
export interface Scenario {
  /** What breaks, for the table. */
  readonly fault: string;
  /** How often it is tried. Default: once in the short form, three times in the full one. */
  readonly times?: { readonly short: number; readonly full: number };
  /** How much larger than in the short form. Default: 5. */
  readonly fullScale?: number;
  /** Why it cannot be played here; undefined if it can. */
  whyNot?(server: TemporaryPostgres): string | undefined;
  /** Starts workers, defers jobs and breaks something. That everything ends well is seen to afterwards. */
  play(stage: Stage): Promise<void>;
}
