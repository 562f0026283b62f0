import type { Logger } from "procrastinate";

const write = (level: string) => (_fields: object, message: string) => console.log(`${level} ${message}`);

/** One line per message. A real app passes its pino here instead. */
export const logger: Logger = {
  debug: () => undefined,
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
  isLevelEnabled: (level) => level !== "debug",
};
