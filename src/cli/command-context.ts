import type { LogOptions } from "./cli-logger.ts";
import type { AnyApp } from "./load-app.ts";

/** What a command has of its surroundings. */
export interface CommandContext {
  /** The app of `--app`, or of another module. @throws AppLoadError */
  loadApp(module?: string): Promise<AnyApp>;
  logOptions(): LogOptions;
  /** A line of stdout: what the command was asked for. */
  print(line: string): void;
  /** A line of stderr. */
  printError(line: string): void;
  readStdin(): Promise<string>;
  /** The folder of the app: where the command was called. */
  readonly folder: string;
}
