import { PassThrough } from "node:stream";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { addSelection, selectionOf } from "../../src/cli/jobs/filter-options.ts";
import { withProgress } from "../../src/cli/jobs/progress-bar.ts";

/** What a command line selects. */
function select(...args: string[]): unknown {
  const command = new Command("cancel").exitOverride().configureOutput({ writeErr: () => undefined });
  addSelection(command);
  command.parse(args, { from: "user" });
  return selectionOf(command, command.args, command.opts<{ all?: boolean }>().all === true);
}

describe("which jobs a command changes", () => {
  test("is said by ids, by a filter, or by --all", () => {
    expect(select("1", "23")).toEqual({ ids: [1n, 23n] });
    expect(select("--all")).toEqual({ filter: "all" });
    expect(select("--status", "failed, aborted", "--lock", "a,b", "--worker-id", "7", "--args", '{"n":1}')).toEqual({
      filter: { status: ["failed", "aborted"], lock: "a,b", workerId: 7n, args: { n: 1 } },
    });
    expect(select("--finished-before", "2030-01-01T00:00:00Z")).toEqual({
      filter: { finishedBefore: "2030-01-01T00:00:00Z" },
    });
  });

  test.each([
    ["nothing is said", [], /names no jobs/],
    ["an empty list is given", ["--status", "failed", "--queue", " ,"], /empty: leave the option out/],
    ["it is said in two ways", ["1", "--queue", "a"], /Give one of them/],
    ["all are meant, and some", ["--all", "--queue", "a"], /Give one of them/],
    ["an id is none", ["one"], /"one" is not the id of a job/],
    ["the id of a worker is none", ["--worker-id", "w"], /"w" is not an id/],
    ["arguments are no JSON object", ["--args", "[1]"], /not a JSON object/],
  ])("is refused when %s", (_why, args, message) => {
    expect(() => select(...args)).toThrow(message);
  });
});

describe("the progress of a change", () => {
  const stream = (isTTY: boolean) => {
    const written: string[] = [];
    const through = new PassThrough();
    through.on("data", (data: Buffer) => written.push(data.toString()));
    return { written, stream: Object.assign(through, { isTTY, columns: 80 }) as never };
  };
  const change = async (onProgress: (done: number) => void): Promise<string> => {
    for (const done of [2, 5]) onProgress(done);
    return "changed";
  };

  test("is a bar on a terminal, which ends with all that there were", async () => {
    const { written, stream: terminal } = stream(true);
    expect(await withProgress(async () => 4, change, terminal)).toBe("changed");
    expect(written.join("")).toContain("0/4 jobs");
    expect(written.join("")).toContain("5/5 jobs");
  });

  test("is nothing elsewhere, where nobody counts the jobs either", async () => {
    const { written, stream: file } = stream(false);
    const count = () => Promise.reject(new Error("not called"));
    expect(await withProgress(count, change, file)).toBe("changed");
    expect(written).toEqual([]);
  });
});
