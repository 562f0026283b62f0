import { bigint, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** The app's own table, for business transactions. */
export const orders = pgTable("orders", {
  id: bigint({ mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
  customer: text().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
