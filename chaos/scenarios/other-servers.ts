import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "../../test/support/proxy.ts";
import { runSql } from "../../test/support/run-sql.ts";
import { startBouncer, whyNoBouncer } from "../pgbouncer.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { startStandby, whyNoStandby } from "../standby.ts";
import { forgottenClaims } from "./lost-database.ts";

/** The standby is synchronous: no other one has all that was committed. */
const SYNCHRONOUS = "alter system set synchronous_standby_names = '*'";
const ALONE = "alter system reset synchronous_standby_names";
const RELOAD = "select pg_reload_conf()";
const IS_SYNCHRONOUS = "select 1 from pg_stat_replication where sync_state = 'sync'";

/** The address of the database moves to the standby. */
async function failOver(stage: Stage): Promise<void> {
  const { server, url, network } = stage;
  const standby = await startStandby(server);
  stage.defer(async () => {
    await standby.stop();
    await server.startAgain();
    await runSql(server.url, ALONE);
    await runSql(server.url, RELOAD);
  });
  await runSql(server.url, SYNCHRONOUS);
  await runSql(server.url, RELOAD);
  await stage.until(async () => (await stage.rows(IS_SYNCHRONOUS)).length > 0, "the standby is synchronous");
  const proxy = await startProxy(url);
  stage.defer(() => proxy.close());
  await stage.crew.start(3, { url: proxy.url });
  await stage.deferring.mixture(40 * stage.scale, { ms: 10 });
  const stop = stage.deferring.trickle();
  await stage.untilRuns(50);
  const crashedAt = Date.now();
  await server.stopImmediate();
  // It does not wait for a standby of its own.
  const promoted = new URL(url);
  promoted.port = String(standby.port);
  standby.promote();
  await runSql(promoted.href, ALONE);
  await runSql(promoted.href, RELOAD);
  for (const each of [proxy, network]) each.moveTo(promoted.href);
  stage.crew.casualties.push(forgottenClaims(crashedAt));
  await stage.probe(Date.now());
  await stop();
}

async function behindBouncer(stage: Stage): Promise<void> {
  const bouncer = await startBouncer(stage.url);
  stage.defer(() => bouncer.stop());
  const [first] = await stage.crew.start(3, { url: bouncer.url, options: { listen: false } });
  await stage.deferring.mixture(40 * stage.scale, { ms: 10 });
  const stop = stage.deferring.trickle();
  await stage.untilRuns(50);
  // Its jobs are taken back when the others have had time to give their heartbeats again.
  if (first) await stage.crew.kill(first);
  await sleep(500);
  await bouncer.kill();
  await sleep(500);
  await bouncer.startAgain();
  await stage.probe(Date.now());
  await stop();
}

export const otherServers: readonly Scenario[] = [
  {
    fault: "failover to a promoted synchronous standby",
    whyNot: ({ binDir }) => whyNoStandby(binDir),
    play: failOver,
  },
  {
    fault: "PgBouncer in transaction mode, with a worker and then PgBouncer itself killed",
    whyNot: whyNoBouncer,
    play: behindBouncer,
  },
];
