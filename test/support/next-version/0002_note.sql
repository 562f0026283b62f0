-- Of the tests only: what a version 2 of the tables might be, to which packages made for version 1 are no strangers.

alter table procrastinate_jobs add column note text;
create index procrastinate_jobs_note_idx on procrastinate_jobs (note) where note is not null;
alter table procrastinate_periodic_defers alter column schema_version set default 1002;
