import { expect, test } from "vitest";
import { readArgs } from "../../src/cli/json-args.ts";

test.each([
  ['{"userId":"9007199254740993","n":-1.5e3,"max":9007199254740991}'],
  ['{"quoted \\" 9007199254740993":[0.1234567890123456789]}'],
  ["{}"],
  [JSON.stringify({ long: 'x\\"'.repeat(2_000_000) })],
])("arguments are read: %.60s", (text) => {
  expect(readArgs(text)).toEqual({ args: JSON.parse(text) });
});

test.each([
  ["{secret:1}", /^is not JSON at position 1\. In a shell /],
  ['{"a":secret}', /^is not JSON\. In a shell /],
  ['["secret"]', /^is not a JSON object, like/],
  [
    '{"secret":"9007199254740993","n":9007199254740993}',
    /^has a whole number at position 33 that would be changed.* Make it a string\.$/,
  ],
  ['{"n":[-9007199254740992]}', /position 6 that would be changed/],
])("what is wrong with arguments is said without quoting them: %s", (text, problem) => {
  const read = readArgs(text);
  expect(read).toEqual({ problem: expect.stringMatching(problem) });
  expect(JSON.stringify(read)).not.toContain("secret");
});
