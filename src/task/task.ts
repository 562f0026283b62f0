import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidOptionError } from "../errors.ts";
import type { RetryStrategy } from "./retry.ts";

/** A key that is fixed, or made from the arguments; undefined for none. */
export type KeyOption<Input> = string | ((args: Input) => string | undefined);

/**
 * What a job does to the others of its lock while it waits for its time, scheduled or before a retry: `ordered` jobs hold
 * back those behind them, `mutex` jobs nobody. At most one of a lock runs in either mode.
 */
export type LockMode = "ordered" | "mutex";

/** @throws InvalidOptionError */
export function checkLockMode(mode: unknown): LockMode {
  if (mode === "ordered" || mode === "mutex") return mode;
  throw new InvalidOptionError("lockMode", mode, 'is not "ordered" or "mutex".');
}

/** A task with its options checked and its defaults filled in, its types erased. */
export interface AnyTask {
  readonly name: string;
  /** Other names under which its jobs are found. */
  readonly aliases: readonly string[];
  readonly queue: string;
  readonly priority: number;
  readonly lock: KeyOption<never> | undefined;
  readonly lockMode: LockMode;
  readonly queueingLock: KeyOption<never> | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly retry: RetryStrategy | undefined;
  readonly timeoutMs: number | undefined;
  readonly storeResult: boolean;
  /** `JobMiddleware`, the first one outermost. */
  readonly middleware: readonly ((context: never, next: () => Promise<unknown>) => Promise<unknown>)[];
  /** What was put into a namespace, if this is what came out. */
  readonly origin: AnyTask | undefined;
  readonly run: ((args: never, context: never) => unknown) | undefined;
}

declare const inputType: unique symbol;
declare const outputType: unique symbol;

/** A task whose jobs are deferred with `Input`, and whose handler gets `Output`: what its schema makes of them. */
export interface Task<Input, Output = never> extends AnyTask {
  /** Carries the type of the arguments; there is no such property. */
  readonly [inputType]?: (input: Input) => void;
  /** Carries the type of what the handler gets; there is no such property. */
  readonly [outputType]?: (output: Output) => void;
}

/** What a task is deferred with: `TaskInput<typeof sendWelcome>`. */
export type TaskInput<Named extends AnyTask> = Named extends Task<infer Input, infer _Output> ? Input : never;

/** @throws InvalidOptionError when `task` was not made by `defineTask`, or is not there yet: imports can go in a circle. */
export function checkTask(option: string, task: AnyTask | undefined): void {
  if (typeof task?.name === "string" && typeof task.queue === "string") return;
  throw new InvalidOptionError(option, task, "is not a task. Make it with defineTask({ name, run }).");
}
