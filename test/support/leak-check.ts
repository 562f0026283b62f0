import { afterEach, expect } from "vitest";
import { killLeftChildren } from "./child.ts";

// Vitest loads this before each test file; hooks of the file itself run before this one.
afterEach(async () => {
  expect(await killLeftChildren(), "child processes that the test left behind").toEqual([]);
});
