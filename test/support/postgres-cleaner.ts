import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Waits for the end of its standard input, which comes when this process wants it and also when this process is gone,
 * however it died. Then ends the server that runs in the directory $1 and deletes the directory.
 *
 * It tries again and again, for ten seconds: an initdb that was under way goes on writing for a moment.
 */
const SCRIPT = `
read -r line
tries=0
while [ -e "$1" ] && [ $tries -lt 200 ]; do
  if [ -e "$1/data/postmaster.pid" ] && kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"; then
    sleep 0.05
  else
    rm -rf "$1" || sleep 0.05
  fi
  tries=$((tries + 1))
done`;

/** Starts a process that outlives this one just long enough to clean up. The result does it now, and waits for it. */
export function startCleaner(directory: string): () => Promise<void> {
  const cleaner = spawn("sh", ["-c", SCRIPT, "sh", directory], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    // A signal to this process's group must leave it alone.
    detached: true,
  });
  cleaner.unref();
  const gone = once(cleaner, "exit");
  return async () => {
    cleaner.ref();
    cleaner.stdin.end();
    await gone;
  };
}
