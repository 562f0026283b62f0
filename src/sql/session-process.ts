/** Finds the process of the session: behind a pooler, another one than the connection was told of. */
export const SESSION_PROCESS = "select pg_backend_pid() as pid";
