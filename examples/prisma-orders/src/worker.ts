import { app } from "./app.ts";
import { pool } from "./db.ts";

// Works until SIGTERM or SIGINT, then lets the running jobs end. `npx procrastinate worker --app src/app.ts` does the
// same; a script of one's own is for what a process needs besides.
try {
  await app.createWorker().run();
} finally {
  await pool.end();
}
