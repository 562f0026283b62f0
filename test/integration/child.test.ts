import { expect, test } from "vitest";
import { killLeftChildren, spawnChild } from "../support/child.ts";
import { until } from "../support/until.ts";

const SCRIPT = new URL("../support/fixtures/echo-child.ts", import.meta.url);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("a child's lines are awaited, and it ends on a signal that it handles", async () => {
  const child = spawnChild(SCRIPT, { args: ["one", "two"], env: { GREETING: "hello" } });
  expect(await child.waitForLine("started")).toBe("started one two hello");
  expect(await child.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(child.lines.at(-1)).toBe("ending");
  expect(child.errors).toEqual(["a word on stderr"]);
});

test("a killed child reports the signal", async () => {
  const child = spawnChild(SCRIPT);
  await child.waitForLine(/^started/);
  expect(await child.kill()).toEqual({ code: null, signal: "SIGKILL" });
});

test("waiting for a line fails at once when the child ends without it", async () => {
  const child = spawnChild(SCRIPT, { args: ["fail"] });
  await expect(child.waitForLine("never")).rejects.toThrow(
    /ended \({"code":3,.*before .*prints never.*a word on stderr/s,
  );
});

test("a child that is left is killed and named", async () => {
  const child = spawnChild(SCRIPT);
  await child.waitForLine("started");
  expect(await killLeftChildren()).toEqual([child.pid]);
  expect(isAlive(child.pid)).toBe(false);
});

test("a child ends when its parent is killed", async () => {
  const parent = spawnChild(new URL("../support/fixtures/parent.ts", import.meta.url));
  const pid = Number((await parent.waitForLine("child")).split(" ")[1]);
  expect(isAlive(pid)).toBe(true);
  await parent.kill("SIGKILL");
  await until(() => !isAlive(pid));
});
