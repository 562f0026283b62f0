import type { LogOptions } from "./cli-logger.ts";
import type { AnyApp } from "./load-app.ts";
import type { Environment } from "./options.ts";

/** What a command has of its surroundings. */
export interface CommandContext {
  readonly environment: Environment;
  /** The app of `--app`. @throws AppLoadError */
  loadApp(): Promise<AnyApp>;
  logOptions(): LogOptions;
  /** A line of stdout: what the command was asked for. */
  print(line: string): void;
  /** A line of stderr. */
  printError(line: string): void;
  readStdin(): Promise<string>;
  /** The folder of the app: where the command was called. */
  readonly folder: string;
}
