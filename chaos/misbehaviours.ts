import { setTimeout as sleep } from "node:timers/promises";
import { type Behaviour, complete, type Run, work } from "./behaviour.ts";

const LARGE = 10 * 1024 * 1024;
const die = (): unknown => process.kill(process.pid, "SIGKILL");
/** Once is enough: the job has to succeed in the end. */
const isFirstTime = ({ context }: Run): boolean => context.job.rescues === 0 && context.attempt === 1;

/** Handlers that no queue should have to run. */
export const MISBEHAVIOURS = {
  /** Ignores its signal. */
  deaf: { run: ({ args }) => sleep(args.ms) },
  /** Blocks the event loop, the first time. */
  block: {
    run: (run) => {
      if (isFirstTime(run)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, run.args.ms);
    },
  },
  /** Ends its process each time. */
  die: { fails: true, run: die },
  /** Ends its process after `complete`, before the commit, the first time. */
  dieBeforeCommit: { completes: true, run: (run) => complete(run, isFirstTime(run) ? { beforeCommit: die } : {}) },
  /** Ends its process right after the commit. */
  dieAfterCommit: { completes: true, run: (run) => complete(run).then(die) },
  hang: {
    fails: true,
    isEndless: true,
    timeout: { milliseconds: 300 },
    run: () => new Promise<never>(() => undefined),
  },
  throwNull: { fails: true, run: () => Promise.reject(null) },
  /** Leaves a promise behind that rejects when the job is over: Node ends the process for it. The first time. */
  rejectAfterEnd: {
    run: (run) => {
      if (isFirstTime(run)) void sleep(30).then(() => Promise.reject(new Error("rejected after the end of its job")));
    },
  },
  /** Rejects when the worker has given it up. */
  rejectWhenGivenUp: {
    fails: true,
    isEndless: true,
    timeout: { milliseconds: 100 },
    run: () => sleep(900).then(() => Promise.reject(new Error("rejected when it was given up"))),
  },
  largeResult: { completes: true, run: (run) => complete(run, { result: "r".repeat(LARGE) }) },
  largeError: { fails: true, run: () => Promise.reject(new Error("e".repeat(LARGE))) },
  /** Keeps a connection for as long as it takes. */
  hoard: { completes: true, run: (run) => complete(run, { before: () => work(run) }) },
} as const satisfies Readonly<Record<string, Behaviour>>;
