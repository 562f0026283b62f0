import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";

const describeOptions = ({ options }: Command): [string, string][] =>
  options.map(({ flags, description }) => [flags, description]);

const program = createProgram();
/** A command with those below it. */
const withSubcommands = (command: Command): Command[] => [command, ...command.commands.flatMap(withSubcommands)];

test.each(withSubcommands(program).map((command) => [command.name(), command] as const))(
  "the help of %s says something about each option and argument",
  (_name, command) => {
    const arguments_ = command.registeredArguments.map((each): [string, string] => [each.name(), each.description]);
    const silent = [...describeOptions(command), ...arguments_].filter(([, text]) => text.trim() === "");
    expect(silent).toEqual([]);
    expect(command.description()).not.toBe("");
  },
);

test("the help says what turns a flag off", () => {
  const worker = program.commands.find((command) => command.name() === "worker");
  expect(worker?.helpInformation()).toMatch(/--no-wait +turn --wait off/);
});
