import type { Command } from "commander";
import { ConnectorError, type Rights } from "../index.ts";
import type { CommandContext } from "./command-context.ts";
import type { AnyApp } from "./load-app.ts";
import { hasCode } from "./print-error.ts";

/** `procrastinate healthcheck`: whether the app loads, the database answers, the tables fit and may be used. */
export function addHealthcheckCommand(program: Command, context: CommandContext): void {
  const command = program.command("healthcheck").alias("healthchecks");
  command.description("check the app, the database and the queue's tables");
  command.action(async () => {
    const app = await context.loadApp();
    context.print(`App: OK (${app.taskNames.length} ${app.taskNames.length === 1 ? "task" : "tasks"})`);
    const { mayDefer, mayWork, isReadOnly } = await healthOf(app, context);
    context.print("Database connection: OK");
    context.print("Tables: OK");
    context.print(`Rights: may defer: ${mayDefer ? "yes" : "no"}, may work: ${mayWork ? "yes" : "no"}`);
    if (isReadOnly) {
      throw new ConnectorError(
        "The database takes no writes: it is a standby, or its transactions are read-only. Connect to the primary.",
      );
    }
    if (!mayDefer && !mayWork) {
      throw new ConnectorError(
        "The role of the connection may neither defer jobs nor work. Grant it what docs/security.md says.",
      );
    }
  });
}

async function healthOf(app: AnyApp, context: CommandContext): Promise<Rights> {
  try {
    return await app.checkHealth();
  } catch (error) {
    // To say that the tables are wrong, the database must have answered.
    if (hasCode(error, "schema_mismatch")) context.print("Database connection: OK");
    throw error;
  }
}
