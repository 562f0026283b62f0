import type { Contender } from "../contender.ts";
import { bare } from "./bare.ts";
import { bullmq } from "./bullmq.ts";
import { graphile } from "./graphile.ts";
import { pgBoss } from "./pg-boss.ts";
import { procrastinate } from "./procrastinate.ts";

export const contenders: readonly Contender[] = [...graphile, ...pgBoss, ...bullmq, ...procrastinate, ...bare];
