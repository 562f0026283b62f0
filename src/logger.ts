import { InvalidOptionError } from "./errors.ts";
import { printable } from "./printable.ts";

/** Structured fields of a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the queue logs to: pino has this shape, and so have most others with a thin wrapper. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Whether lines of this level go anywhere, so that none is made for nobody. Absent: all do. */
  isLevelEnabled?(level: LogLevel): boolean;
}

/** From the least to the most important. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** @throws InvalidOptionError when it has not all the functions of a logger. */
export function checkLogger(logger: Logger): Logger {
  for (const level of LOG_LEVELS) {
    if (typeof logger?.[level] === "function") continue;
    throw new InvalidOptionError("logger", logger, `has no function ${level}(fields, message).`);
  }
  return logger;
}

/**
 * Logs to the console's stderr.
 *
 * @param options.level Leave out what is less important. Default: `info`.
 */
export function consoleLogger({ level = "info" }: { readonly level?: LogLevel } = {}): Logger {
  const isLevelEnabled = (wanted: LogLevel): boolean => LOG_LEVELS.indexOf(wanted) >= LOG_LEVELS.indexOf(level);
  const logAt = (at: LogLevel) => (fields: LogFields, message: string) => {
    if (isLevelEnabled(at)) console.error(`procrastinate ${at}: ${printable(message)}`, fields);
  };
  return { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error"), isLevelEnabled };
}

/** What an app without a logger of its own has: warnings and errors to the console. */
export const defaultLogger: Logger = consoleLogger({ level: "warn" });

/** Logs nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  isLevelEnabled: () => false,
};
