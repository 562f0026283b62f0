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

/** They are typed each time: nobody wants to have confirmed what is deleted tomorrow. */
const TYPED = ["--all", "--yes", "--help", "--version"];
const variablesOf = ({ options }: Command): [string | undefined, string | undefined][] =>
  options
    .filter(({ negate }) => !negate)
    .map(({ long, envVar, description }) => [long, envVar ?? /\(env: (\w+)\)$/.exec(description)?.[1]]);

test.each(withSubcommands(program).map((command) => [command.name(), command] as const))(
  "each option of %s has a variable of the environment, but for what is typed each time",
  (_name, command) => {
    const owners: string[] = [];
    for (let owner = command; owner.parent; owner = owner.parent) owners.unshift(`${owner.name()}_`);
    for (const [long = "", variable] of variablesOf(command)) {
      const name = `PROCRASTINATE_${owners.join("")}${long.slice(2)}`.replaceAll("-", "_").toUpperCase();
      expect([long, variable]).toEqual([long, TYPED.includes(long) ? undefined : name]);
    }
  },
);
