import { expect, test, vi } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { silentLogger } from "../../src/logger.ts";
import { type CliRun, runCli } from "../support/run-cli.ts";

/** What a command line makes of the options of a worker. */
async function optionsOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { options, error } = await work(args, env);
  if (error !== undefined) throw error;
  return options;
}

async function work(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CliRun & { options: unknown }> {
  const createWorker = vi.fn((_options: object) => ({ run: async () => undefined }));
  const run = await runCli(["worker", ...args], { app: { createWorker, logger: silentLogger }, env });
  const { logger: _logger, ...options } = (createWorker.mock.calls[0]?.[0] ?? {}) as { logger?: unknown };
  return { ...run, options };
}

test("the options of a worker are those that were given", async () => {
  expect(await optionsOf([])).toEqual({});
  const short = ["-n", "w1", "-q", "a, b", "-c", "3", "-p", "1.5", "-w", "-l"];
  expect(await optionsOf([...short, "--delete-jobs", "always", "--heartbeat-interval", "2"])).toEqual({
    ...{ name: "w1", queues: ["a", "b"], concurrency: 3, pollingInterval: { seconds: 1.5 }, wait: true, listen: true },
    ...{ deleteJobs: "always", heartbeatInterval: { seconds: 2 } },
  });
  expect(await optionsOf(["--no-listen", "--queues", ""])).toEqual({ listen: false, queues: undefined });
});

test("the command line wins over the environment; what neither says is left to the app", async () => {
  const env = { PROCRASTINATE_WORKER_CONCURRENCY: "2", PROCRASTINATE_WORKER_LISTEN: "0" };
  expect(await optionsOf([], env)).toEqual({ concurrency: 2, listen: false });
  expect(await optionsOf(["-c", "3", "--listen"], env)).toEqual({ concurrency: 3, listen: true });
});

test.each<[args: string[], env: Record<string, string>, wait: boolean | undefined]>([
  [["--one-shot"], {}, false],
  [["--no-one-shot"], {}, true],
  [["--one-shot", "--no-wait"], {}, false],
  [["--one-shot"], { PROCRASTINATE_WORKER_WAIT: "1" }, false],
  [["--wait"], { PROCRASTINATE_WORKER_ONE_SHOT: "yes" }, true],
  [[], { PROCRASTINATE_WORKER_ONE_SHOT: "on" }, false],
  [[], { PROCRASTINATE_WORKER_ONE_SHOT: "off" }, true],
  [[], {}, undefined],
])("a worker told %j with %j in its environment waits for further jobs: %s", async (args, env, wait) => {
  expect(await optionsOf(args, env)).toEqual(wait === undefined ? {} : { wait });
});

test("what contradicts itself is refused by the names that were given", async () => {
  await expect(optionsOf(["--one-shot", "--wait"])).rejects.toThrow(
    "--one-shot: true contradicts --wait, which is true",
  );
  const env = { PROCRASTINATE_WORKER_ONE_SHOT: "1", PROCRASTINATE_WORKER_WAIT: "1" };
  await expect(optionsOf([], env)).rejects.toThrow(/^PROCRASTINATE_WORKER_ONE_SHOT: .* PROCRASTINATE_WORKER_WAIT/);
});

test("the choices of an option are checked at once", async () => {
  const { error, errors } = await runCli(["worker", "--delete-jobs", "often"], {});
  expect(error).toMatchObject({ code: "commander.invalidArgument" });
  expect(errors.join("")).toMatch(/Allowed choices are never, successful, always/);
});

test.each<[args: string[], verbose: string | undefined, expected: boolean]>([
  [[], undefined, false],
  [["-v"], undefined, true],
  [["-vv"], "0", true],
  [["--no-verbose"], "1", false],
  ...["0", "false", "no", "off", " FALSE "].map((text): [string[], string, boolean] => [[], text, false]),
  ...["1", "2", "true", "yes", "on"].map((text): [string[], string, boolean] => [[], text, true]),
])("told %j, with PROCRASTINATE_VERBOSE=%s, a command is verbose: %s", async (args, text, expected) => {
  let own: boolean | undefined;
  const createWorker = ({ logger }: { logger: unknown }) => {
    own = logger === silentLogger;
    return { run: async () => undefined };
  };
  const program = createProgram({ loadApp: async () => ({ logger: silentLogger, createWorker }) as never });
  vi.stubEnv("PROCRASTINATE_VERBOSE", text);
  await program.parseAsync([...args, "worker"], { from: "user" }).finally(() => vi.unstubAllEnvs());
  expect(program.opts<{ verbose?: boolean }>().verbose ?? false).toBe(expected);
  // The app's own logger says what it says.
  expect(own).toBe(!expected);
});

test("a variable that says neither yes nor no is refused", async () => {
  await expect(optionsOf([], { PROCRASTINATE_VERBOSE: "much" })).rejects.toThrow(
    'PROCRASTINATE_VERBOSE: "much" is not one of true, 1,',
  );
});
