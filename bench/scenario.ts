import type { Contender, WorkName } from "./contender.ts";
import type { Database, Databases, Filling } from "./databases.ts";
import type { BenchOptions, SizeName } from "./options.ts";
import { type SessionProcess, startSession } from "./session-process.ts";

export type Unit = "jobs/s" | "tx/s" | "ms" | "MB" | "statements/s" | "bytes" | "rows" | "commits";

/** One number per round, of one contender. */
export interface Measurement {
  readonly measure: string;
  readonly contender: string;
  readonly unit: Unit;
  readonly rounds: readonly number[];
  /** How many jobs each number stands for; the least of all rounds. */
  readonly jobs?: number | undefined;
  /** How many it was to be, where that is more. */
  readonly ofJobs?: number | undefined;
}

/** `than` absent: the bound is a number in the measure's unit; present: it is times that measurement. */
export interface Target {
  readonly measure: string;
  readonly contender: string;
  /** What is left out is the target's own. */
  readonly than?: { readonly measure?: string; readonly contender?: string };
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Less than this, not as much. */
  readonly below?: number;
  /** The sizes that it names, in place of the scenario's. */
  readonly sizes?: readonly SizeName[];
}

export interface Scenario {
  readonly name: WorkName;
  readonly title: string;
  /** The name of the contender that this one's ratios are against, if any; a reference is its own. */
  readonly referenceOf: (contender: string) => string | undefined;
  readonly targets: readonly Target[];
  /** The sizes that its targets name: where one is smaller than that of `--full`, a target is met at a smaller size only. */
  readonly sizes: readonly SizeName[];
  /** Its measures follow one another in time: drawn as lines. */
  readonly isSeries?: boolean;
  run(bench: Bench): Promise<readonly Measurement[]>;
}

/** A contender that was left out of the rest of a scenario, and why. */
export interface Failure {
  readonly contender: string;
  readonly reason: string;
}

/** A database of a contender's own, and processes with its client on it. */
export interface Run {
  readonly database: Database;
  start(): Promise<SessionProcess>;
}

export interface Turn extends Run {
  readonly contender: Contender;
  /** One more run beside the turn's own, in another database. */
  fresh(filling?: Filling): Promise<Run>;
}

/** What a scenario gets to work with. */
export class Bench {
  readonly options: BenchOptions;
  readonly contenders: readonly Contender[];
  readonly failures: Failure[] = [];
  readonly #databases: Databases;

  constructor(options: BenchOptions, contenders: readonly Contender[], databases: Databases) {
    this.options = options;
    this.contenders = contenders;
    this.#databases = databases;
  }

  /**
   * Runs every contender once per round, each time in a fresh database, in an order that rotates:
   * neighbours in time see the same machine, and nobody always goes first. Who fails is left out from then on.
   */
  async interleave(
    run: (turn: Turn) => Promise<readonly Measurement[]>,
    rounds: number = this.options.rounds,
  ): Promise<Measurement[]> {
    const collected = new Map<string, Measurement>();
    for (let round = 0; round < rounds; round++) {
      const shift = round % this.contenders.length;
      for (const contender of [...this.contenders.slice(shift), ...this.contenders.slice(0, shift)]) {
        if (this.failures.some((failure) => failure.contender === contender.name)) continue;
        try {
          for (const measurement of await this.#turn(contender, run)) {
            const key = `${measurement.measure}\n${measurement.contender}`;
            collected.set(key, together(collected.get(key), measurement));
          }
        } catch (error) {
          this.failures.push({ contender: contender.name, reason: reasonOf(error) });
        }
      }
    }
    return [...collected.values()];
  }

  /** Has a process of the contender do something in the database of a URL. */
  async withSession(contender: Contender, url: string, act: (session: SessionProcess) => Promise<void>): Promise<void> {
    const session = await startSession(contender.name, url, false);
    try {
      await act(session);
    } finally {
      await session.stop();
    }
  }

  async #turn(
    contender: Contender,
    run: (turn: Turn) => Promise<readonly Measurement[]>,
  ): Promise<readonly Measurement[]> {
    const databases: Database[] = [];
    const processes: SessionProcess[] = [];
    const fresh = async (filling?: Filling): Promise<Run> => {
      const database = await this.#databases.create(contender, filling);
      databases.push(database);
      const start = async () => {
        const started = await startSession(contender.name, database.url, this.options.profile);
        processes.push(started);
        return started;
      };
      return { database, start };
    };
    try {
      return await run({ contender, fresh, ...(await fresh()) });
    } finally {
      await Promise.all(processes.map((each) => each.stop()));
      for (const database of databases) await database.drop();
    }
  }
}

function together(known: Measurement | undefined, next: Measurement): Measurement {
  if (!known) return next;
  const jobs = known.jobs === undefined || next.jobs === undefined ? known.jobs : Math.min(known.jobs, next.jobs);
  return { ...known, jobs, ofJobs: known.ofJobs ?? next.ofJobs, rounds: [...known.rounds, ...next.rounds] };
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
