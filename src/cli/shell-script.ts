import { once } from "node:events";
import { createInterface } from "node:readline";
import { type REPLEval, type REPLServer, Recoverable, start } from "node:repl";
import { PassThrough, Writable } from "node:stream";

/** How far a script is. */
interface Progress {
  /** A command was begun and has not given a value: so it is also when the next one is asked for, if it threw. */
  isRunning: boolean;
  /** The line so far is the beginning of a command. */
  isInside: boolean;
  /** What a command threw, which may be undefined. */
  failure: { readonly error: unknown } | undefined;
}

/**
 * Runs what is piped in, command by command, and prints what each gives, without prompts.
 *
 * @throws what the first command throws that fails; none after it runs.
 */
export async function runScript(
  names: Readonly<Record<string, unknown>>,
  source: NodeJS.ReadableStream,
): Promise<void> {
  // A line at a time: given all at once, they would not wait for what the ones before them await.
  const lines = createInterface({ input: source })[Symbol.asyncIterator]();
  const input = new PassThrough();
  const progress: Progress = { isRunning: false, isInside: false, failure: undefined };
  // In this realm, so that what fails is an Error here.
  const session = start({
    ...{ prompt: "", input, output: valuesOf(progress) },
    useGlobal: true,
    ignoreUndefined: true,
  });
  const goOn = async (): Promise<void> => {
    if (progress.isRunning || session.lastError !== undefined) progress.failure ??= { error: session.lastError };
    const { value, done } = progress.failure ? { done: true } : await lines.next();
    if (done) session.close();
    else input.write(`${value}\n`);
  };
  const exit = once(session, "exit");
  // It would say that it is ready for the next line.
  const displayPrompt = () => void goOn().catch(() => session.close());
  Object.assign(session, { eval: watched(session.eval, progress), displayPrompt });
  Object.assign(session.context, names);
  session.displayPrompt();
  await exit;
  if (progress.failure) throw progress.failure.error;
  if (progress.isInside) throw new SyntaxError("What was piped in ends within a command.");
}

/** The session calls back with null when a command gave a value, and not at all when it threw, but for what is falsy. */
function watched(evaluate: REPLEval, progress: Progress): REPLEval {
  return function (this: REPLServer, code, context, file, done) {
    progress.isRunning = true;
    evaluate.call(this, code, context, file, (error: unknown, value) => {
      progress.isRunning = false;
      progress.isInside = error instanceof Recoverable;
      if (error !== null && !progress.isInside) progress.failure ??= { error };
      done(error as Error | null, value);
    });
  };
}

/** Prints what commands give. Errors would be printed among it: the first one is thrown instead. */
function valuesOf(progress: Progress): Writable {
  return new Writable({
    write(chunk, encoding, done) {
      if (!progress.isRunning && !progress.failure) process.stdout.write(chunk, encoding);
      // Not when it is written, or what commands log themselves would come before it.
      done();
    },
  });
}
