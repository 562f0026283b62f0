import type { WriteStream } from "node:tty";
import { SingleBar } from "cli-progress";

/** Shows how far a change of many jobs is. Nothing where nobody looks: the stream, stderr by default, is no terminal. */
export async function withProgress<T>(
  count: () => Promise<number>,
  change: (onProgress: (done: number) => void) => Promise<T>,
  stream: WriteStream = process.stderr,
): Promise<T> {
  if (!stream.isTTY) return change(() => undefined);
  const format = "{bar} {value}/{total} jobs, {eta_formatted} left";
  const bar = new SingleBar({ format, stream });
  bar.start(await count(), 0);
  try {
    return await change((done) => {
      // Jobs come and go: there may be more than were counted.
      if (done > bar.getTotal()) bar.setTotal(done);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}
