import { pino } from "pino";
import pretty from "pino-pretty";
import { defaultLogger, type LogFields, type Logger, type LogLevel } from "../logger.ts";
import { printable } from "../printable.ts";
import type { AnyApp } from "./load-app.ts";

export const LOG_FORMATS = ["auto", "pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  /** Debug instead of info. */
  readonly verbose: boolean;
  /** Undefined where nobody said. */
  readonly logFormat: LogFormat | undefined;
}

/**
 * The logger of a command: the app's own, unless it has none or the command line asks for something. Writes to stderr,
 * pretty on a terminal and as JSON elsewhere.
 */
export function cliLogger(app: AnyApp, { verbose, logFormat }: LogOptions): Logger {
  if (app.logger !== defaultLogger && !verbose && logFormat === undefined) return app.logger;
  const level = verbose ? "debug" : "info";
  const isPretty = logFormat === "pretty" || (logFormat !== "json" && process.stderr.isTTY);
  // Written at once: a worker that is killed shall have said what it did.
  const destination = isPretty
    ? pretty({ destination: 2, sync: true, ignore: "pid,hostname" })
    : pino.destination({ dest: 2, sync: true });
  const options = { level, name: "procrastinate" };
  if (!isPretty) return pino({ ...options, serializers: { error: pino.stdSerializers.err } }, destination);
  const logger = pino({ ...options, serializers: { error: printableError } }, destination);
  return withPrintableMessages(logger);
}

/** JSON escapes what would control a terminal, and is not meant for one. */
function withPrintableMessages(logger: pino.Logger): Logger {
  const logAt = (level: LogLevel) => (fields: LogFields, message: string) => logger[level](fields, printable(message));
  const logged = { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") };
  return { ...logged, isLevelEnabled: (level) => logger.isLevelEnabled(level) };
}

function printableError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { message, stack, ...others } = pino.stdSerializers.err(error);
  return { ...others, message: printable(message), stack: printable(stack) };
}
