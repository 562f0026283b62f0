-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "procrastinate_job_status" AS ENUM ('todo', 'doing', 'succeeded', 'failed', 'cancelled', 'aborted');

-- CreateEnum
CREATE TYPE "procrastinate_job_event_type" AS ENUM ('deferred', 'started', 'deferred_for_retry', 'failed', 'succeeded', 'cancelled', 'abort_requested', 'aborted', 'scheduled', 'retried', 'rescued', 'changed', 'logged');

-- CreateTable
CREATE TABLE "procrastinate_jobs" (
    "id" BIGSERIAL NOT NULL,
    "queue_name" VARCHAR(128) NOT NULL DEFAULT 'default',
    "task_name" VARCHAR(128) NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "lock" TEXT,
    "mutex" BOOLEAN NOT NULL DEFAULT false,
    "queueing_lock" TEXT,
    "args" JSONB NOT NULL DEFAULT '{}',
    "status" "procrastinate_job_status" NOT NULL DEFAULT 'todo',
    "scheduled_at" TIMESTAMPTZ,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "abort_requested" BOOLEAN NOT NULL DEFAULT false,
    "worker_id" BIGINT,
    "lease" INTEGER NOT NULL DEFAULT 0,
    "rescues" INTEGER NOT NULL DEFAULT 0,
    "deferred_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ,
    "finished_at" TIMESTAMPTZ,
    "result" JSONB,
    "progress" JSONB,
    "ready" BOOLEAN NOT NULL DEFAULT true,
    "wake_at" TIMESTAMPTZ,
    "queueing_key" TEXT,
    "running_lock" TEXT,

    CONSTRAINT "procrastinate_jobs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "procrastinate_workers" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL DEFAULT 'worker',
    "queues" TEXT[],
    "idle" BOOLEAN NOT NULL DEFAULT false,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_heartbeat" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "procrastinate_workers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "procrastinate_periodic_defers" (
    "id" BIGSERIAL NOT NULL,
    "task_name" VARCHAR(128) NOT NULL,
    "periodic_id" VARCHAR(128) NOT NULL DEFAULT '',
    "defer_timestamp" BIGINT NOT NULL,
    "job_id" BIGINT,
    "schema_version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "procrastinate_periodic_defers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "procrastinate_schedules" (
    "id" BIGSERIAL NOT NULL,
    "task_name" VARCHAR(128) NOT NULL,
    "periodic_id" VARCHAR(128) NOT NULL DEFAULT '',
    "cron" TEXT NOT NULL,
    "timezone" TEXT NOT NULL DEFAULT 'UTC',
    "args" JSONB NOT NULL DEFAULT '{}',
    "queue_name" VARCHAR(128),
    "priority" INTEGER,
    "lock" TEXT,
    "queueing_lock" TEXT,
    "missed" TEXT NOT NULL DEFAULT 'once',
    "max_delay_seconds" INTEGER,
    "in_code" BOOLEAN NOT NULL DEFAULT false,
    "paused_at" TIMESTAMPTZ,
    "last_tick" BIGINT,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seen_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "procrastinate_schedules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "procrastinate_queues" (
    "name" VARCHAR(128) NOT NULL,
    "paused_at" TIMESTAMPTZ,

    CONSTRAINT "procrastinate_queues_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "procrastinate_events" (
    "id" BIGSERIAL NOT NULL,
    "job_id" BIGINT NOT NULL,
    "type" "procrastinate_job_event_type" NOT NULL,
    "at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "detail" JSONB,

    CONSTRAINT "procrastinate_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "products" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "available" INTEGER NOT NULL,
    "on_hand" INTEGER NOT NULL,

    CONSTRAINT "products_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "orders" (
    "id" UUID NOT NULL,
    "product_id" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL,
    "email" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT transaction_timestamp(),
    "confirmation_job_id" BIGINT,
    "confirmed_at" TIMESTAMPTZ,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "stock_movements" (
    "id" SERIAL NOT NULL,
    "order_id" UUID NOT NULL,
    "product_id" INTEGER NOT NULL,
    "change" INTEGER NOT NULL,
    "booked_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stock_movements_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "procrastinate_jobs_fetch_idx" ON "procrastinate_jobs"("queue_name", "priority" DESC, "id") WHERE (ready);

-- CreateIndex
CREATE INDEX "procrastinate_jobs_wake_idx" ON "procrastinate_jobs"("wake_at") WHERE (NOT ready AND wake_at IS NOT NULL);

-- CreateIndex
CREATE INDEX "procrastinate_jobs_lock_idx" ON "procrastinate_jobs"("lock", "priority" DESC, "id") WHERE (lock IS NOT NULL AND finished_at IS NULL);

-- CreateIndex
CREATE UNIQUE INDEX "procrastinate_jobs_queueing_key_idx" ON "procrastinate_jobs"("queueing_key") WHERE (queueing_key IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "procrastinate_jobs_running_lock_idx" ON "procrastinate_jobs"("running_lock") WHERE (running_lock IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "procrastinate_periodic_defers_tick_idx" ON "procrastinate_periodic_defers"("task_name", "periodic_id", "defer_timestamp");

-- CreateIndex
CREATE UNIQUE INDEX "procrastinate_schedules_task_idx" ON "procrastinate_schedules"("task_name", "periodic_id");

-- CreateIndex
CREATE INDEX "procrastinate_events_job_id_idx" ON "procrastinate_events"("job_id");

-- CreateIndex
CREATE UNIQUE INDEX "orders_confirmation_job_id_key" ON "orders"("confirmation_job_id");

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "orders" ADD CONSTRAINT "orders_confirmation_job_id_fkey" FOREIGN KEY ("confirmation_job_id") REFERENCES "procrastinate_jobs"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "stock_movements" ADD CONSTRAINT "stock_movements_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "stock_movements" ADD CONSTRAINT "stock_movements_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
