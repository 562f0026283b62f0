import { DatabaseError } from "../database-error.ts";
import { InvalidArgsError, InvalidOptionError } from "../errors.ts";
import type { Job } from "../job.ts";
import { findJsonProblem, toStorableJson, toStorableText } from "../json.ts";
import { LOG_LEVELS, type LogFields, type LogLevel } from "../logger.ts";
import { type JobNote, noteJob } from "../sql/note-job.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

const MAX_PROGRESS_BYTES = 64 * 1024;
/** Of one run: what a loop logs must not fill the events table. */
const MAX_LINES = 1000;
const MAX_MESSAGE = 4000;
const MAX_FIELDS_BYTES = 8 * 1024;

/**
 * Writes what a handler says of itself: one statement at a time, with the last progress and all lines that came since the
 * one before. What cannot be written is left out: it must not change how the job ends.
 */
export class JobNotes {
  readonly #job: Job;
  readonly #runtime: WorkerRuntime;
  readonly #onLost: () => void;
  #progress: string | undefined;
  readonly #lines: string[] = [];
  #count = 0;
  #writing: Promise<void> | undefined;
  /** The job's row is locked by the transaction that completes it. */
  #isHeld = false;

  /** @param onLost The job no longer belongs to this worker. */
  constructor(job: Job, runtime: WorkerRuntime, onLost: () => void) {
    this.#job = job;
    this.#runtime = runtime;
    this.#onLost = onLost;
  }

  /** @throws InvalidArgsError when the value is no JSON, or has more than 64 KiB. */
  progress(value: unknown): void {
    const problem = findJsonProblem(value, "progress");
    if (problem) throw new InvalidArgsError(this.#job.taskName, problem.path, problem.problem);
    const stored = toStorableJson(value, MAX_PROGRESS_BYTES);
    if ("problem" in stored) throw new InvalidArgsError(this.#job.taskName, "progress", stored.problem);
    this.#progress = stored.json;
    this.#write();
  }

  /** @throws InvalidOptionError when there is no such level. */
  log(level: LogLevel, message: string, fields: LogFields): void {
    if (!LOG_LEVELS.includes(level)) {
      throw new InvalidOptionError("level", level, `is not one of ${LOG_LEVELS.join(", ")}.`);
    }
    if (this.#count >= MAX_LINES) return;
    this.#count++;
    const isLast = this.#count === MAX_LINES;
    const text = isLast ? `The log of this run ends here: ${MAX_LINES} lines are kept` : cut(String(message));
    this.#lines.push(this.#detail(level, text, isLast ? {} : fields));
    this.#write();
  }

  /** The run is over: resolves when all is written. */
  async flush(): Promise<void> {
    // Until the next line: it may have been held up by the transaction that is over now.
    if (this.#writing !== undefined) await this.#writing;
    this.#isHeld = false;
    this.#write();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes nothing until the run is over: the row is, or will be, locked by a transaction of the handler. */
  hold(): void {
    this.#isHeld = true;
  }

  #detail(level: LogLevel, message: string, fields: LogFields): string {
    const { attempts } = this.#job;
    const head = { level, message, attempt: attempts + 1, worker: String(this.#runtime.identity.id) };
    const stored = toStorableJson(withErrors(fields), MAX_FIELDS_BYTES);
    if ("problem" in stored) return JSON.stringify({ ...head, fieldsProblem: stored.problem });
    const json = JSON.stringify(head);
    return stored.json === "{}" ? json : `${json.slice(0, -1)},"fields":${stored.json}}`;
  }

  get #isEmpty(): boolean {
    return this.#progress === undefined && this.#lines.length === 0;
  }

  #write(): void {
    if (this.#isHeld || this.#isEmpty) return;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    // Later, so that all that is said in this moment comes along.
    await Promise.resolve();
    const { health, sql, identity, logger } = this.#runtime;
    while (!this.#isEmpty && !this.#isHeld) {
      const note = { progress: this.#progress, lines: this.#lines.splice(0) };
      this.#progress = undefined;
      try {
        const isOurs = await health.insist(() => noteJob(sql, identity.id, this.#job, note));
        if (!isOurs) this.#onLost();
      } catch (error) {
        if (this.#isHeld && error instanceof DatabaseError && error.isLocked) return this.#takeBack(note);
        const fields = { action: "note_lost", job: String(this.#job.id), error };
        logger.warn(fields, `Progress and log lines of job ${this.#job.id} could not be written`);
      }
    }
  }

  #takeBack({ progress, lines }: JobNote): void {
    this.#progress ??= progress;
    this.#lines.unshift(...lines);
  }
}

/** An error has nothing that JSON would keep. */
function withErrors(fields: LogFields): LogFields {
  const entries = Object.entries(fields).map(([key, value]) => {
    if (!(value instanceof Error)) return [key, value];
    const { name, message, stack } = value;
    return [key, { name, message, stack: stack?.slice(0, MAX_MESSAGE) }];
  });
  return Object.fromEntries(entries);
}

function cut(message: string): string {
  return toStorableText(message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message);
}
