/** What the process tells its supervisor; part of `--help`. */
export const EXIT = {
  ok: 0,
  /** It did not work this time: the database, a refused job, handlers that ignored a shutdown. Starting again may help. */
  failure: 1,
  /** The command line, the environment, the app module or a schema file is wrong. Starting again does not help. */
  usage: 2,
  /** The queue's tables are missing, too old or too new for the package, or otherwise not as it needs them. Migrate, then start again. */
  schema: 3,
} as const;

export const EXIT_CODE_HELP = `
Exit codes:
  0  done
  1  failed: the database, a job that was refused, handlers that ignored a shutdown; starting again may help
  2  wrong command line, environment, app module or schema file; starting again does not help
  3  the queue's tables are missing, too old or too new for this package; migrate first
  The second SIGTERM or SIGINT ends the process by that signal.`;
