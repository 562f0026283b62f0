import { afterEach, describe, expect, test, vi } from "vitest";
import { BASH_COMPLETION } from "../../src/cli/bash-completion.ts";
import type { CommandContext } from "../../src/cli/command-context.ts";
import { loadNames } from "../../src/cli/offered-names.ts";
import { ZSH_COMPLETION } from "../../src/cli/zsh-completion.ts";
import { runCli } from "../support/run-cli.ts";

afterEach(() => vi.useRealTimers());

/** What a shell is offered of an app with tasks and queues of these names. */
async function offered(words: readonly string[], loadApp: (module?: string) => Promise<unknown>) {
  return loadNames(words, { loadApp } as CommandContext);
}

const app = (queues: Readonly<Record<string, string>>) => ({
  taskNames: Object.keys(queues),
  getTask: (name: string) => ({ queue: queues[name] }),
});

describe("names that a shell is offered", () => {
  test("are those of the tasks and their queues, each once", async () => {
    const loadApp = async () => app({ "mail.send": "mail", "mail:bulk/2": "mail", "@a/b-c": "default" });
    expect(await offered([], loadApp)).toEqual({
      tasks: ["mail.send", "mail:bulk/2", "@a/b-c"],
      queues: ["mail", "default"],
    });
  });

  test("are none that a shell would take for more than a word", async () => {
    const names = ["$(id)", "`id`", "a b", "a;b", "a'b", 'a"b', "a\\b", "a\nb", "*", "~", "-rf", "ä", ""];
    const loadApp = async () => app(Object.fromEntries(names.map((name) => [name, name])));
    expect(await offered([], loadApp)).toEqual({ tasks: [], queues: [] });
  });

  test.each([
    [["-a", "src/app.ts", "defer", ""], "src/app.ts"],
    [["defer", "--app", "src/app.ts", ""], "src/app.ts"],
    [["--app=src/app.ts:jobs", "defer", ""], "src/app.ts:jobs"],
    [["defer", ""], undefined],
  ])("are of the app in %j", async (words, module) => {
    const loadApp = vi.fn(async (_module?: string) => app({}));
    await offered(words, loadApp);
    expect(loadApp.mock.calls).toEqual([[module]]);
  });

  test("are none where the app cannot be loaded, or not in time", async () => {
    expect(await offered([], () => Promise.reject(new Error("no config")))).toEqual({ tasks: [], queues: [] });
    vi.useFakeTimers();
    const late = offered([], () => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(2000);
    expect(await late).toEqual({ tasks: [], queues: [] });
  });
});

test("the scripts for bash and zsh evaluate nothing", () => {
  for (const script of [BASH_COMPLETION, ZSH_COMPLETION]) {
    expect(script).toContain("procrastinate complete --");
    expect(script).not.toMatch(/\beval\b|Invoke-Expression/);
  }
});

test("there is a script for bash, zsh and fish, and for no shell that would run what was typed", async () => {
  expect((await runCli(["completion", "zsh"], {})).printed).toEqual([ZSH_COMPLETION]);
  const { error, errors } = await runCli(["completion", "powershell"], {});
  expect(error).toMatchObject({ code: "commander.invalidArgument" });
  expect(errors.join("")).toMatch(/Allowed choices are bash, zsh, fish/);
});
