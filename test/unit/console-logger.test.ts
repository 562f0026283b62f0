import { afterEach, expect, test, vi } from "vitest";
import { consoleLogger } from "../../src/logger.ts";

afterEach(() => vi.restoreAllMocks());

test("the console is told what is important enough, with nothing that would control a terminal", () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const logger = consoleLogger({ level: "warn" });
  logger.info({}, "unimportant");
  logger.warn({ lock: "l" }, "Job \u001b[31mred\u009b[1] failed:\nno route");
  const message = "procrastinate warn: Job \\u001b[31mred\\u009b[1] failed:\nno route";
  expect(error.mock.calls).toEqual([[message, { lock: "l" }]]);
});
