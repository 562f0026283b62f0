import { PassThrough } from "node:stream";
import { Command } from "commander";
import { describe, expect, test, vi } from "vitest";
import { addSelection, selectionOf } from "../../src/cli/jobs/filter-options.ts";
import { withProgress } from "../../src/cli/jobs/progress-bar.ts";
import { AlreadyEnqueuedError, JobNotFoundError, JobStatusError } from "../../src/index.ts";
import { runCli } from "../support/run-cli.ts";

/** What a command line selects. */
function select(...args: string[]): unknown {
  const command = new Command("cancel").exitOverride().configureOutput({ writeErr: () => undefined });
  addSelection(command);
  command.parse(args, { from: "user" });
  return selectionOf(command, command.args);
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
    ["all are meant, and one", ["--all", "7"], /^--all: true goes without ids/],
    ["arguments are no JSON object", ["--args", "[1]"], /^error: the value of --args is not a JSON object/],
  ])("is refused when %s", (_why, args, message) => {
    expect(() => select(...args)).toThrow(message);
  });

  test("is refused by the name of the variable where a filter comes from the environment", () => {
    vi.stubEnv("PROCRASTINATE_STATUS", "failed,aborted");
    const message = 'PROCRASTINATE_STATUS: "failed,aborted" is a filter, which goes neither with ids nor with --all.';
    expect(() => select("42")).toThrow(message);
    expect(() => select("--all")).toThrow(message);
    vi.unstubAllEnvs();
  });

  test("is never all because of the environment", () => {
    vi.stubEnv("PROCRASTINATE_ALL", "1");
    expect(() => select()).toThrow("names no jobs");
    vi.unstubAllEnvs();
  });
});

describe("many jobs", () => {
  /** What is called of an app with seven jobs. */
  const jobs = () => ({
    count: vi.fn(async (_filter: object) => ({ total: 7 })),
    cancelMany: vi.fn(async (_filter: object, _options: object) => ({ cancelled: 7 })),
    retryMany: vi.fn(async (_filter: object, _options: object) => ({ retried: 7 })),
    deleteMany: vi.fn(async (_filter: object, _options: object) => 7),
  });

  test.each([
    ["delete", ["--all"], "7 jobs would be deleted."],
    ["delete", ["--queue", "a"], "7 jobs would be deleted."],
    ["cancel", ["--all"], "7 jobs would be cancelled."],
    ["cancel", ["--all", "--abort"], "7 jobs would be cancelled or asked to stop."],
    ["cancel", ["--queue", "a", "--delete"], "7 jobs would be deleted."],
    ["retry", ["--all"], "7 jobs would be retried."],
  ])("are changed by jobs %s %j when that is confirmed", async (name, args, message) => {
    const untouched = jobs();
    // Nor is it confirmed by the environment.
    const env = { [`PROCRASTINATE_JOBS_${name.toUpperCase()}_YES`]: "1" };
    const { error, printed } = await runCli(["jobs", name, ...args], { app: { jobs: untouched }, env });
    expect(error).toMatchObject({ message: `--yes: false changes nothing: ${message} To do so, add --yes.` });
    expect(printed).toEqual([]);
    expect(untouched.count).toHaveBeenCalledTimes(1);
    const changed = jobs();
    expect((await runCli(["jobs", name, ...args, "--yes"], { app: { jobs: changed } })).error).toBeUndefined();
    const calls = [changed.cancelMany, changed.retryMany, changed.deleteMany].flatMap(({ mock }) => mock.calls);
    expect(calls.map(([filter]) => filter)).toEqual([args[0] === "--all" ? "all" : { queue: ["a"] }]);
  });

  test.each([["cancel"], ["retry"]])("are changed by jobs %s and a filter at once", async (name) => {
    expect((await runCli(["jobs", name, "--queue", "a"], { app: { jobs: jobs() } })).error).toBeUndefined();
  });
});

describe("jobs by their ids", () => {
  const lost = new Error("connection refused");
  const outcomes: Readonly<Record<string, Error>> = {
    2: new JobNotFoundError(2n),
    3: new JobStatusError(3n, "doing", "it runs."),
    4: new AlreadyEnqueuedError("once"),
    6: lost,
  };
  const retry = vi.fn(async (id: bigint) => {
    const error = outcomes[String(id)];
    if (error) throw error;
  });

  test("are changed one by one past those that are refused, but no further than an error that is no refusal", async () => {
    const { printed, errors, error } = await runCli(["jobs", "retry", ..."1 2 3 4 50 6 7".split(" ")], {
      app: { jobs: { retry } },
    });
    expect(printed).toEqual(["id  outcome", "1   retried", "50  retried"]);
    expect(errors).toEqual([outcomes[2], outcomes[3], outcomes[4]].map((each) => each?.message));
    expect(error).toBe(lost);
    expect(retry.mock.calls.map(([id]) => id)).toEqual([1n, 2n, 3n, 4n, 50n, 6n]);
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
    // A cursor that was hidden would stay so after Ctrl-C.
    expect(written.join("")).not.toContain("\u001b[?25l");
  });

  test("is nothing elsewhere, where nobody counts the jobs either", async () => {
    const { written, stream: file } = stream(false);
    const count = () => Promise.reject(new Error("not called"));
    expect(await withProgress(count, change, file)).toBe("changed");
    expect(written).toEqual([]);
  });
});
