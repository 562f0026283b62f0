import { Command } from "commander";
import { afterEach, expect, test, vi } from "vitest";
import { nameGivenOption } from "../../src/cli/given-option.ts";
import { addFilterOptions } from "../../src/cli/jobs/filter-options.ts";
import { addScheduleOptions } from "../../src/cli/schedule-options.ts";
import { InvalidOptionError, TaskNotFoundError } from "../../src/errors.ts";

afterEach(() => vi.unstubAllEnvs());

/** What is said of an error, to who gave these. */
function said(args: readonly string[], error: Error): string {
  const command = new Command("retry");
  addFilterOptions(command);
  addScheduleOptions(command);
  command.parse(args, { from: "user" });
  nameGivenOption(command, error);
  return error.message;
}

test.each([
  ["scheduleAt", ["--at", "x"], '--at: "x" is wrong.'],
  ["scheduleIn.seconds", ["--in", "1"], '--in: "x" is wrong.'],
  ["finishedAfter", ["--finished-after", "x"], '--finished-after: "x" is wrong.'],
  ["filter.lock", ["--lock", "x"], '--lock: "x" is wrong.'],
  ["concurrency", ["--lock", "x"], 'concurrency: "x" is wrong.'],
  ["lock", ["--at", "x"], 'lock: "x" is wrong.'],
])("an error of %s names what was typed: %j", (option, args, message) => {
  expect(said(args, new InvalidOptionError(option, "x", "is wrong."))).toBe(message);
});

test("it names the variable of what is in the environment", () => {
  vi.stubEnv("PROCRASTINATE_AT", "x");
  expect(said([], new InvalidOptionError("scheduleAt", "x", "is wrong."))).toBe('PROCRASTINATE_AT: "x" is wrong.');
});

test("other errors are left as they are", () => {
  expect(said(["--task", "x"], new TaskNotFoundError("x", []))).toMatch(/^No task is named "x"/);
});
