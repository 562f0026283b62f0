import type { CommandContext } from "./command-context.ts";

/** Names that a shell can be offered. */
export interface OfferedNames {
  readonly tasks: readonly string[];
  /** Those of the tasks: the database is not asked. */
  readonly queues: readonly string[];
}

/** Longer than most apps take to load, and no longer than somebody waits for an answer to a TAB. */
const LIMIT_MS = 2000;

/** Nothing that a shell would take for more than a word. */
const SAFE = /^[\w.:@/][\w.:@/-]*$/;

export const NO_NAMES: OfferedNames = { tasks: [], queues: [] };

/** Those of the app that the words of a line name, or else the environment; none where it cannot be loaded in time. */
export async function loadNames(words: readonly string[], { loadApp }: CommandContext): Promise<OfferedNames> {
  const loaded = loadApp(moduleIn(words)).then(({ taskNames, getTask }) => {
    const queues = new Set(taskNames.map((name) => getTask(name).queue));
    return { tasks: taskNames.filter(isSafe), queues: [...queues].filter(isSafe) };
  });
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<OfferedNames>((resolve) => {
    timer = setTimeout(() => resolve(NO_NAMES), LIMIT_MS);
  });
  const names = await Promise.race([loaded.catch(() => NO_NAMES), limit]);
  clearTimeout(timer);
  return names;
}

function moduleIn(words: readonly string[]): string | undefined {
  const joined = words.find((word) => word.startsWith("--app="));
  if (joined !== undefined) return joined.slice("--app=".length);
  const at = words.findIndex((word) => word === "-a" || word === "--app");
  return at < 0 ? undefined : words[at + 1];
}

const isSafe = (name: string): boolean => SAFE.test(name);
