import type { Contender, WorkName } from "./contender.ts";
import type { Database, Databases, Filling } from "./databases.ts";
import type { BenchOptions } from "./options.ts";
import { type SessionProcess, startSession } from "./session-process.ts";

export type Unit = "jobs/s" | "tx/s" | "ms" | "MB" | "statements/s" | "bytes" | "rows" | "commits";

/** One number per round, of one contender. */
export interface Measurement {
  readonly measure: string;
  readonly contender: string;
  readonly unit: Unit;
  readonly rounds: readonly number[];
}

/** `than` absent: the bound is a number in the measure's unit; present: it is times that measurement. */
export interface Target {
  readonly measure: string;
  readonly contender: string;
  /** What is left out is the target's own. */
  readonly than?: { readonly measure?: string; readonly contender?: string };
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Scenario {
  readonly name: WorkName;
  readonly title: string;
  /** The name of the contender that this one's ratios are against, if any; a reference is its own. */
  readonly referenceOf: (contender: string) => string | undefined;
  readonly targets: readonly Target[];
  run(bench: Bench): Promise<readonly Measurement[]>;
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
  readonly #databases: Databases;

  constructor(options: BenchOptions, contenders: readonly Contender[], databases: Databases) {
    this.options = options;
    this.contenders = contenders;
    this.#databases = databases;
  }

  /**
   * Runs every contender once per round, each time in a fresh database, in an order that rotates:
   * neighbours in time see the same machine, and nobody always goes first.
   */
  async interleave(
    run: (turn: Turn) => Promise<readonly Measurement[]>,
    rounds: number = this.options.rounds,
  ): Promise<Measurement[]> {
    const collected = new Map<string, Measurement & { rounds: number[] }>();
    for (let round = 0; round < rounds; round++) {
      const shift = round % this.contenders.length;
      for (const contender of [...this.contenders.slice(shift), ...this.contenders.slice(0, shift)]) {
        for (const measurement of await this.#turn(contender, run)) {
          const key = `${measurement.measure}\n${measurement.contender}`;
          const known = collected.get(key);
          if (known) known.rounds.push(...measurement.rounds);
          else collected.set(key, { ...measurement, rounds: [...measurement.rounds] });
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
