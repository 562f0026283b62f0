-- What procrastinate.prisma cannot say, for a migration of your own: `prisma migrate dev --create-only --name procrastinate_checks_1`.
-- Prisma keeps all of it: its next migrations do not touch checks and storage parameters. It can be run again.

-- Against writes that are not the queue's.
alter table procrastinate_jobs
  drop constraint if exists procrastinate_jobs_names_check,
  drop constraint if exists procrastinate_jobs_abort_check,
  drop constraint if exists procrastinate_jobs_finished_check,
  drop constraint if exists procrastinate_jobs_queueing_key_check,
  drop constraint if exists procrastinate_jobs_running_lock_check,
  drop constraint if exists procrastinate_jobs_findable_check,
  drop constraint if exists procrastinate_jobs_wake_check,
  drop constraint if exists procrastinate_jobs_schedule_check,
  add constraint procrastinate_jobs_names_check check (queue_name <> '' and task_name <> ''),
  add constraint procrastinate_jobs_abort_check check (status <> 'todo' or not abort_requested),
  add constraint procrastinate_jobs_finished_check check ((finished_at is null) = (status in ('todo', 'doing'))),
  add constraint procrastinate_jobs_queueing_key_check check (queueing_key is null or status = 'todo'),
  add constraint procrastinate_jobs_running_lock_check check (running_lock is null or status = 'doing'),
  -- A waiting job is found by the fetch, behind its lock, or by its time.
  add constraint procrastinate_jobs_findable_check check (status <> 'todo' or ready or lock is not null or coalesce(wake_at < 'infinity', false)),
  add constraint procrastinate_jobs_wake_check check (status <> 'todo' or wake_at is distinct from 'infinity'::timestamptz),
  add constraint procrastinate_jobs_schedule_check check (scheduled_at < 'infinity');

alter table procrastinate_schedules
  drop constraint if exists procrastinate_schedules_missed_check,
  add constraint procrastinate_schedules_missed_check check (missed in ('skip', 'once', 'all'));

-- Optional, for queues under load: a claim then is a heap-only update that writes no index.
alter table procrastinate_jobs set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
alter table procrastinate_workers set (fillfactor = 50);
