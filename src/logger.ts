/** Structured fields of a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the queue logs to: pino has this shape, and so have most others with a thin wrapper. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Whether lines of this level go anywhere, so that none is made for nobody. Absent: all do. */
  isLevelEnabled?(level: "debug" | "info" | "warn" | "error"): boolean;
}

/** The default: warnings and errors to the console's stderr, nothing else. */
export const consoleLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.warn(`procrastinate: ${message}`, fields),
  error: (fields, message) => console.error(`procrastinate: ${message}`, fields),
  isLevelEnabled: (level) => level === "warn" || level === "error",
};

/** Logs nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  isLevelEnabled: () => false,
};
