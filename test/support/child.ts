import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { until } from "./until.ts";

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Over this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: this process's working directory. */
  readonly cwd?: string;
  /** The file is JavaScript, which needs no loader. Default: false. */
  readonly isCompiled?: boolean;
}

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A TypeScript program in a process of its own. */
export interface Child {
  readonly pid: number;
  /** What it wrote to stdout so far, line by line. */
  readonly lines: readonly string[];
  /** What it wrote to stderr so far. */
  readonly errors: readonly string[];
  /** Resolves when it ended and all its output was read. */
  readonly exited: Promise<Exit>;
  /** Waits for a line that contains the text or matches, and gives it. Fails when the child ends without. */
  waitForLine(pattern: string | RegExp, options?: { readonly timeoutMs?: number }): Promise<string>;
  /** Sends the signal and waits for the end. Default: SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
}

const running = new Set<Child>();
/** Starting tsx takes a second on a busy machine. */
const LINE_TIMEOUT_MS = 20_000;
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
/** Ends the child when this process is gone: a worker that lost its database would wait for it for ever. */
const END_WITH_PARENT = `data:text/javascript,${encodeURIComponent(
  // A thread of the child has no channel.
  'process.once("disconnect", () => process.exit(70)); process.channel?.unref();',
)}`;

/** Runs a TypeScript file with node, or a compiled one. End it before the test ends: what is left then fails the test. */
export function spawnChild(file: string | URL, options: ChildOptions = {}): Child {
  const script = file instanceof URL ? fileURLToPath(file) : file;
  const loader = options.isCompiled ? [] : ["--import", TSX];
  const node = spawn(process.execPath, ["--import", END_WITH_PARENT, ...loader, script, ...(options.args ?? [])], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const { pid } = node;
  if (pid === undefined) throw new Error(`${process.execPath} could not be started.`);
  const lines = collectLines(node.stdout);
  const errors = collectLines(node.stderr);
  const exited = once(node, "close").then((): Exit => {
    running.delete(child);
    return { code: node.exitCode, signal: node.signalCode };
  });
  const child: Child = {
    pid,
    lines,
    errors,
    exited,
    async waitForLine(pattern, { timeoutMs = LINE_TIMEOUT_MS } = {}) {
      const find = () =>
        lines.find((line) => (typeof pattern === "string" ? line.includes(pattern) : pattern.test(line)));
      const what = () => `${script} prints ${pattern}; its output is ${JSON.stringify([...lines, ...errors], null, 1)}`;
      await until(() => find() !== undefined || !running.has(child), { timeoutMs, what });
      const line = find();
      if (line === undefined) throw new Error(`The child ended (${JSON.stringify(await exited)}) before ${what()}`);
      return line;
    },
    kill(signal = "SIGKILL") {
      node.kill(signal);
      return exited;
    },
  };
  running.add(child);
  return child;
}

/** Kills the children that still run and gives their ids. */
export async function killLeftChildren(): Promise<readonly number[]> {
  const left = [...running];
  await Promise.all(left.map((child) => child.kill()));
  return left.map((child) => child.pid);
}

function collectLines(stream: Readable | null): string[] {
  const lines: string[] = [];
  if (stream) createInterface({ input: stream }).on("line", (line) => lines.push(line));
  return lines;
}
