import { once } from "node:events";
import { createInterface } from "node:readline";
import { type REPLEval, type REPLServer, Recoverable, start } from "node:repl";
import { PassThrough, Writable } from "node:stream";

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
  let session: REPLServer | undefined;
  const hasFailed = (): boolean => session?.lastError !== undefined;
  // In this realm, so that what fails is an Error here.
  session = start({ ...{ prompt: "", input, output: valuesOf(hasFailed) }, useGlobal: true, ignoreUndefined: true });
  let isInside = false;
  const evaluate: REPLEval = session.eval;
  const evaluateWatched: REPLEval = function (this: REPLServer, code, context, file, done) {
    evaluate.call(this, code, context, file, (error, value) => {
      isInside = error instanceof Recoverable;
      done(error, value);
    });
  };
  const goOn = async (): Promise<void> => {
    const { value, done } = hasFailed() ? { done: true } : await lines.next();
    if (done) session.close();
    else input.write(`${value}\n`);
  };
  const exit = once(session, "exit");
  // It would say that it is ready for the next line.
  Object.assign(session, { eval: evaluateWatched, displayPrompt: () => void goOn().catch(() => session.close()) });
  Object.assign(session.context, names);
  session.displayPrompt();
  await exit;
  if (hasFailed()) throw session.lastError;
  if (isInside) throw new SyntaxError("What was piped in ends within a command.");
}

/** Prints what commands give. Errors would be printed among it: the first one is thrown instead. */
function valuesOf(hasFailed: () => boolean): Writable {
  return new Writable({
    write(chunk, encoding, done) {
      if (!hasFailed()) process.stdout.write(chunk, encoding);
      // Not when it is written, or what commands log themselves would come before it.
      done();
    },
  });
}
