import assert from "node:assert/strict";
import type { Connector, SqlExecutor } from "../../index.ts";
import { type CaseDefinition, eventually, query } from "./case.ts";

interface Heard {
  readonly payloads: string[];
  listening: number;
  stop(): Promise<void>;
}

async function startListening<Tx>(connector: Connector<Tx>, channel: string): Promise<Heard> {
  const heard: Heard = { payloads: [], listening: 0, stop: async () => undefined };
  const unlisten = await connector.listen?.(channel, {
    onNotification: (payload) => heard.payloads.push(payload),
    onListening: () => heard.listening++,
    onLost: (error) => heard.payloads.push(`lost: ${String(error)}`),
  });
  assert.ok(unlisten, "the connector does not listen: say so with { listens: false }");
  heard.stop = unlisten;
  return heard;
}

const notify = (executor: SqlExecutor, channel: string, payload: string) =>
  query(executor, "select pg_notify($1::text, $2::text)::text as sent", [channel, payload]);

const hears: CaseDefinition = {
  name: "hears notifications of committed transactions, on a channel of any name, until it is told to stop",
  needs: "listen",
  async check({ connector, queue }) {
    const channel = `Odd.Channel name ${queue.slice(-8)}`;
    const heard = await startListening(connector, channel);
    assert.equal(heard.listening, 1);
    const rolledBack = connector.transaction(async (tx) => {
      await notify(connector.using(tx), channel, "rolled back");
      throw new Error("over");
    });
    await assert.rejects(rolledBack, /over/);
    await notify(connector.pool, `${channel}2`, "another channel");
    await connector.transaction((tx) => notify(connector.using(tx), channel, "committed"));
    await eventually("the notification was heard", () => heard.payloads.length > 0);
    await heard.stop();
    await heard.stop();
    // Whoever listens after it hears what it would have heard.
    const other = await startListening(connector, channel);
    await notify(connector.pool, channel, "later");
    await eventually("the other one heard", () => other.payloads.length > 0);
    await other.stop();
    assert.deepEqual(heard.payloads, ["committed"]);
    assert.deepEqual(other.payloads, ["later"]);
  },
};

export const listenCases: readonly CaseDefinition[] = [hears];
