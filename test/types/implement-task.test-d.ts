import { z } from "zod";
import { defineTask, implementTask } from "../../src/index.ts";

const plain = defineTask<{ id: string }>({ name: "plain" });
const parsed = defineTask({ name: "parsed", schema: z.object({ at: z.coerce.date() }) });

implementTask(plain, ({ id }) => id.length);
implementTask(parsed, ({ at }, context) => [at.getTime(), context.attempt]);
// @ts-expect-error the handler of a contract gets the contract's arguments
implementTask(plain, ({ id }: { id: number }) => id);
// @ts-expect-error the handler gets what the schema makes of the arguments
implementTask(parsed, ({ at }: { at: string }) => at);
