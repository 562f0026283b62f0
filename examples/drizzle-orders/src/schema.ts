import { sql } from "drizzle-orm";
import { bigint, check, integer, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

// The queue's tables are part of this schema: drizzle-kit migrates them, and queries join them.
export * from "procrastinate/drizzle/schema";

export const products = pgTable(
  "products",
  {
    id: integer().primaryKey().generatedByDefaultAsIdentity(),
    name: text().notNull(),
    /** What can still be ordered. Falls with the order. */
    available: integer().notNull(),
    /** What lies in the warehouse. Falls with the movement that a job makes later. */
    onHand: integer("on_hand").notNull(),
  },
  (table) => [check("products_available_check", sql`${table.available} >= 0`)],
);

export const orders = pgTable("orders", {
  id: uuid().primaryKey(),
  productId: integer("product_id")
    .notNull()
    .references(() => products.id),
  quantity: integer().notNull(),
  email: text().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  /** The job that sends the confirmation. Not a foreign key: the queue deletes old jobs. */
  confirmationJobId: bigint("confirmation_job_id", { mode: "bigint" }).notNull(),
  confirmedAt: timestamp("confirmed_at", { withTimezone: true }),
});

// Nothing here is unique per order: that each movement is booked once is what `context.complete` guarantees.
export const stockMovements = pgTable("stock_movements", {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  orderId: uuid("order_id")
    .notNull()
    .references(() => orders.id),
  productId: integer("product_id")
    .notNull()
    .references(() => products.id),
  change: integer().notNull(),
  bookedAt: timestamp("booked_at", { withTimezone: true }).notNull().defaultNow(),
});
