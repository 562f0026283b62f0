import type { Contender, WorkName } from "./contender.ts";
import type { Database, Databases } from "./databases.ts";
import type { BenchOptions } from "./options.ts";
import { type SessionProcess, startSession } from "./session-process.ts";

export type Unit = "jobs/s" | "tx/s" | "ms";

/** One number per round, of one contender. */
export interface Measurement {
  readonly measure: string;
  readonly contender: string;
  readonly unit: Unit;
  readonly rounds: readonly number[];
}

/** `than` absent: the bound is a number in the measure's unit; present: it is times that contender. */
export interface Target {
  readonly measure: string;
  readonly contender: string;
  readonly than?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Scenario {
  readonly name: WorkName;
  readonly title: string;
  /** The name of the contender that this one's ratios are against; a reference is its own. */
  readonly referenceOf: (contender: string) => string;
  readonly targets: readonly Target[];
  run(bench: Bench): Promise<readonly Measurement[]>;
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
    run: (turn: {
      contender: Contender;
      database: Database;
      start(): Promise<SessionProcess>;
    }) => Promise<readonly Measurement[]>,
  ): Promise<Measurement[]> {
    const collected = new Map<string, Measurement & { rounds: number[] }>();
    for (let round = 0; round < this.options.rounds; round++) {
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

  async #turn(contender: Contender, run: Parameters<Bench["interleave"]>[0]): Promise<readonly Measurement[]> {
    const database = await this.#databases.create(contender);
    const processes: SessionProcess[] = [];
    try {
      const start = async () => {
        const started = await startSession(contender.name, database.url, this.options.profile);
        processes.push(started);
        return started;
      };
      return await run({ contender, database, start });
    } finally {
      await Promise.all(processes.map((each) => each.stop()));
      await database.drop();
    }
  }
}
