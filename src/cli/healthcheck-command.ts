import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { hasCode } from "./print-error.ts";

/** `procrastinate healthcheck`: whether the app loads, the database answers and the tables fit. */
export function addHealthcheckCommand(program: Command, context: CommandContext): void {
  const command = program.command("healthcheck").alias("healthchecks");
  command.description("check the app, the database and the queue's tables");
  command.action(async () => {
    const app = await context.loadApp();
    context.print(`App: OK (${app.taskNames.length} ${app.taskNames.length === 1 ? "task" : "tasks"})`);
    try {
      await app.checkHealth();
    } catch (error) {
      // To say that the tables are wrong, the database must have answered.
      if (hasCode(error, "schema_mismatch")) context.print("Database connection: OK");
      throw error;
    }
    context.print("Database connection: OK");
    context.print("Tables: OK");
  });
}
