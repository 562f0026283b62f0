import { pino } from "pino";
import pretty from "pino-pretty";
import { defaultLogger, type Logger } from "../logger.ts";
import type { AnyApp } from "./load-app.ts";

export const LOG_FORMATS = ["auto", "pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  /** 0 for info, 1 and more for debug; undefined where nobody said. */
  readonly verbose: number | undefined;
  /** Undefined where nobody said. */
  readonly logFormat: LogFormat | undefined;
}

/**
 * The logger of a command: the app's own, unless it has none or the command line asks for something. Writes to stderr,
 * pretty on a terminal and as JSON elsewhere.
 */
export function cliLogger(app: AnyApp, { verbose, logFormat }: LogOptions): Logger {
  if (app.logger !== defaultLogger && verbose === undefined && logFormat === undefined) return app.logger;
  const level = (verbose ?? 0) > 0 ? "debug" : "info";
  const isPretty = logFormat === "pretty" || (logFormat !== "json" && process.stderr.isTTY);
  // Written at once: a worker that is killed shall have said what it did.
  const destination = isPretty
    ? pretty({ destination: 2, sync: true, ignore: "pid,hostname" })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, name: "procrastinate", serializers: { error: pino.stdSerializers.err } }, destination);
}
