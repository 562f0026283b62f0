import fc from "fast-check";
import { expect, test } from "vitest";
import { splitJobs } from "../../src/defer/write-jobs.ts";
import type { NewJob } from "../../src/sql/insert-jobs.ts";

const jobOf = (length: number): NewJob => ({
  ...{ queue: "q", task: "t", priority: 0, lock: null, queueingLock: null, atMs: null, inMs: null },
  argsJson: "x".repeat(length),
});

test("a batch is split in its order into parts within the limit, as few as one after the other can be", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30)), fc.integer({ min: 1, max: 40 }), (lengths, limit) => {
      const jobs = lengths.map(jobOf);
      const parts = splitJobs(jobs, limit);
      expect(parts.flat()).toEqual(jobs);
      const sizes = parts.map((part) => part.reduce((sum, job) => sum + job.argsJson.length, 0));
      for (const [index, part] of parts.entries()) {
        expect(part.length).toBeGreaterThan(0);
        if (part.length > 1) expect(sizes[index]).toBeLessThanOrEqual(limit);
        const next = parts[index + 1]?.[0];
        if (next) expect((sizes[index] ?? 0) + next.argsJson.length).toBeGreaterThan(limit);
      }
    }),
  );
});
