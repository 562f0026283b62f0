// node scripts/sum-test-reports.mjs FOLDER EXIT_CODE
// Adds up the JSON reports of vitest in the folder. A run that failed otherwise counts as one failure.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, exitCode] = process.argv.slice(2);
const reports = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
const sum = (field) => reports.reduce((total, report) => total + report[field], 0);
const skipped = sum("numPendingTests") + sum("numTodoTests");
const failed = sum("numFailedTests") || (exitCode === "0" && reports.every((report) => report.success) ? 0 : 1);

// Last, because only the end of a long log may be kept.
for (const report of reports) {
  for (const file of report.testResults.filter(({ status }) => status === "failed")) {
    console.log(`FAILED ${file.name}`);
    for (const test of file.assertionResults.filter(({ status }) => status === "failed")) {
      console.log(`  ${test.fullName}: ${test.failureMessages.join("\n").split("\n").slice(0, 3).join(" | ")}`);
    }
  }
}
console.log(`${reports.length} runs of the tests, ${skipped} tests skipped`);
console.log(`${sum("numPassedTests")} passed, ${failed} failed`);
