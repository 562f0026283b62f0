import { fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ActionName, ActionParams, ActionResult } from "./actions/index.ts";

/** A child process that holds one contender's client: what is measured never shares a process with anything else. */
export interface SessionProcess {
  call<Name extends ActionName>(name: Name, ...params: ActionParams<Name>): Promise<ActionResult<Name>>;
  stop(): Promise<void>;
}

export interface Request {
  readonly action: string;
  readonly params: unknown;
}

export type Reply = { readonly result: unknown } | { readonly error: string };

/** Longer than anything that a scenario asks for takes: what hangs must not hold up the bench for ever. */
const LIMIT_MS = 20 * 60_000;

export async function startSession(contender: string, url: string, profile: boolean): Promise<SessionProcess> {
  const profiles = fileURLToPath(new URL("results/profiles", import.meta.url));
  const child = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [contender, url], {
    execArgv: profile ? ["--cpu-prof", `--cpu-prof-dir=${profiles}`] : [],
    // The app's own settings must not leak into a contender (graphile-worker reads DATABASE_URL).
    env: { ...process.env, DATABASE_URL: "" },
    // A rate without a bound is Infinity, which JSON does not know.
    serialization: "advanced",
  });
  const exited = new Promise<never>((_, reject) => {
    child.once("exit", (code, signal) =>
      reject(new Error(`the process of ${contender} ended with ${signal ?? `code ${code}`}`)),
    );
    // Of messages to a process that is gone.
    child.on("error", reject);
  });
  exited.catch(() => undefined);
  const reply = async () => {
    const limit = new AbortController();
    const message = await Promise.race([
      new Promise<Reply>((resolve) => child.once("message", (value: Reply) => resolve(value))),
      exited,
      sleep(LIMIT_MS, { error: `no answer within ${LIMIT_MS / 60_000} minutes` }, { signal: limit.signal }),
    ]).finally(() => limit.abort());
    if ("error" in message) throw new Error(`${contender}: ${message.error}`);
    return message.result;
  };
  await reply();
  return {
    call: async <Name extends ActionName>(name: Name, ...params: ActionParams<Name>) => {
      child.send({ action: name, params: params[0] } satisfies Request);
      return (await reply()) as ActionResult<Name>;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      if (child.connected) child.disconnect();
      await exited.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}
