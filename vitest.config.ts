import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Set by .ci/run, which adds up the numbers of its runs.
const report = process.env["PROCRASTINATE_TEST_REPORT"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/leak-check.ts"],
    // Processes, not threads: signals, exit codes and module state are then the file's own.
    pool: "forks",
    // All files share one Postgres, which the tests keep as busy as themselves.
    maxWorkers: Math.min(4, Math.max(2, availableParallelism())),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    allowOnly: false,
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
  },
});
