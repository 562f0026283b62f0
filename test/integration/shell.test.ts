import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { interact, namesOf } from "../../src/cli/shell-command.ts";
import { defineTask } from "../../src/index.ts";
import { openTestQueue, type TestQueue } from "../support/test-queue.ts";

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
afterAll(() => queue.close());

test("a session at a terminal has the app at hand, awaits, goes on after an error, and ends when it is told to", async () => {
  const app = queue.app([defineTask({ name: "t" })]);
  const [input, output] = [new PassThrough(), new PassThrough()];
  const said: string[] = [];
  const shown = text(output);
  const session = interact(namesOf(app), { printError: (line) => void said.push(line) }, { input, output });
  const lines = [
    "1 + 1",
    "throw new Error('as typed')",
    "await Promise.reject(new Error('as awaited'))",
    "await app.defer(tasks.t)",
    "(await jobs.count()).todo + 40",
    ".exit",
  ];
  // As somebody does who reads: a line after each prompt.
  output.on("data", (data: Buffer) => {
    if (data.toString().endsWith("procrastinate> ")) input.write(`${lines.shift()}\n`);
  });
  await session;
  output.end();
  expect(said).toEqual([expect.stringMatching(/app, tasks.* are at hand.*\.exit or Ctrl-D/)]);
  const answers = (await shown).split("procrastinate> ").slice(1);
  expect(answers).toEqual([
    "2\n",
    expect.stringContaining("as typed"),
    expect.stringContaining("as awaited"),
    expect.stringMatching(/^\d+n\n$/),
    "41\n",
    "",
  ]);
  expect(await queue.jobs()).toMatchObject([{ task: "t", status: "todo" }]);
});
