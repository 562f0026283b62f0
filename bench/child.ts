import type { Client } from "./actions/client.ts";
import { actions, isActionName } from "./actions/index.ts";
import { contenders } from "./contenders/index.ts";
import type { Reply, Request } from "./session-process.ts";

const [name, url] = process.argv.slice(2);
const contender = contenders.find((each) => each.name === name);
if (!contender || !url) throw new Error("child.ts is started by the bench, with a contender's name and a database URL");

const client: Client = { session: await contender.connect(url), url, handled: 0, deferred: 0, begun: new Map() };

process.on("message", (request: Request) => void answer(request));
process.once("disconnect", () => void end());
reply({ result: "ready" });

async function answer({ action, params }: Request): Promise<void> {
  try {
    if (!isActionName(action)) throw new Error(`no action is called ${action}`);
    // SessionProcess.call has paired the name with its parameters.
    const run = actions[action] as (client: Client, params: unknown) => Promise<unknown>;
    reply({ result: await run(client, params) });
  } catch (error) {
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function reply(message: Reply): void {
  process.send?.(message);
}

async function end(): Promise<void> {
  // A worker that cannot be stopped must not hold up the bench; an exit, unlike a kill, still writes the CPU profile.
  setTimeout(() => process.exit(0), 3_000);
  await client.listener?.stop();
  await actions.stopWorker(client);
  await client.session.close();
  process.exit(0);
}
