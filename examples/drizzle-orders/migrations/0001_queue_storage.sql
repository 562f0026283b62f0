-- What drizzle-kit cannot say: the storage parameters of the queue's busy tables, as in procrastinate/migrations.
-- Optional, measured to double the rate at which jobs are fetched.
ALTER TABLE "procrastinate_jobs" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "procrastinate_workers" SET (fillfactor = 50);
