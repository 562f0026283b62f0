import type { Unlisten } from "../connector.ts";
import { ConnectorError } from "../errors.ts";
import { findTextProblem } from "../json.ts";
import { Loop, type Service } from "../service.ts";
import { EchoProbe } from "./echo-probe.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** What a notification of the queue says. */
export interface Notification {
  /** Jobs of this queue can run, `delayMs` from now. */
  readonly queue?: string;
  readonly delayMs?: number;
  /** It is this job alone, without a lock. */
  readonly job?: bigint;
  /** Somebody asked for the abort of this job. */
  readonly abort?: string;
  /** The head of this lock may have changed. */
  readonly promote?: string;
  /** The heads of some locks may have changed. */
  readonly sweep?: true;
  /** A worker tries whether it hears anything. */
  readonly echo?: true;
  /** Schedules were added or changed. */
  readonly schedules?: true;
  /** Queues were paused or resumed. */
  readonly queues?: true;
}

export interface ListenerHandlers {
  onNotification(notification: Notification): void;
  /** What was notified before may have been missed. */
  onListening(): void;
}

const RECONNECT_MS = 1000;
/** A server that takes connections and says nothing shall not hold up the end of a worker. */
const STOP_MS = 1000;
const DEAF =
  "Nothing that is notified is heard on the listening connection: it is of another database, or goes through a pooler in " +
  "transaction mode. Give the connector a direct connection to listen with.";
const FORGOTTEN =
  "A notification that was sent is not heard on the listening connection, although others were: something on its way forgot it.";

/** Keeps a listening connection, and says whether there is one. Without one the worker polls. */
export class Listener implements Service {
  readonly #runtime: WorkerRuntime;
  readonly #handlers: ListenerHandlers;
  readonly #loop: Loop;
  readonly #echo: EchoProbe;
  #unlisten: Unlisten | undefined;
  #listening = false;
  #unsupported = false;
  /** It was said that there is no listening connection. */
  #failed = false;
  /** Nothing was heard, ever or on the last connections. */
  #deaf = false;

  constructor(runtime: WorkerRuntime, handlers: ListenerHandlers) {
    this.#runtime = runtime;
    this.#handlers = handlers;
    this.#echo = new EchoProbe(runtime, (isNew) => this.#onSilence(isNew));
    this.#loop = new Loop({
      clock: runtime.clock,
      step: () => this.#step(),
      onError: (error) => this.#onFailed(error),
    });
  }

  get isListening(): boolean {
    return this.#listening && !this.#deaf;
  }

  async start(): Promise<void> {
    if (this.#runtime.options.listen) await this.#loop.start();
  }

  stop(): Promise<void> {
    const stopped = this.#loop.stop().then(() => this.#disconnect());
    return new Promise((resolve) => {
      const cancel = this.#runtime.clock.timer(STOP_MS, resolve);
      void stopped.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Connects where there is no connection; then tries now and then whether there still is one. */
  async #step(): Promise<number> {
    if (this.#unsupported) return Number.POSITIVE_INFINITY;
    if (this.#listening) return this.#echo.askIfQuiet();
    await this.#disconnect();
    const { connector, tables, events } = this.#runtime;
    this.#unlisten = await connector.listen?.(tables.channel, {
      onNotification: (payload) => this.#onPayload(payload),
      onListening: () => {
        this.#listening = true;
        this.#failed = false;
        events.emit("listening", { channel: tables.channel });
        this.#handlers.onListening();
        this.#echo.begin();
      },
      onLost: (error) => {
        this.#onLost(error);
        this.#loop.wake();
      },
    });
    if (this.#unlisten) return this.#listening ? this.#echo.askIfQuiet() : RECONNECT_MS;
    this.#unsupported = true;
    events.emit("listen_notify_disabled", { connector: connector.name });
    return Number.POSITIVE_INFINITY;
  }

  /** A connection that was never there is not lost, and it would be tried again each second in silence. */
  #onFailed(error: unknown): number {
    if (this.#listening) return this.#onLost(error);
    if (!this.#failed) this.#runtime.events.emit("listen_failed", { error });
    this.#failed = true;
    return RECONNECT_MS;
  }

  /** Of one that was never heard on it was said already that it is of no use. */
  #onLost(error: unknown): number {
    if (this.#listening && !this.#deaf) this.#runtime.events.emit("listen_lost", { error });
    this.#failed = true;
    this.#listening = false;
    this.#echo.end();
    return RECONNECT_MS;
  }

  /** The connection may never be of use, or be no longer: so one that is new gets a second try. */
  #onSilence(isNew: boolean): void {
    if (!isNew) {
      this.#onLost(new ConnectorError(FORGOTTEN));
      this.#loop.wake();
    } else if (!this.#deaf) {
      this.#deaf = true;
      this.#runtime.events.emit("listen_failed", { error: new ConnectorError(DEAF) });
    }
  }

  async #disconnect(): Promise<void> {
    const unlisten = this.#unlisten;
    const isLost = !this.#listening;
    this.#unlisten = undefined;
    this.#listening = false;
    this.#echo.end();
    // The connection may be gone already.
    const freed = unlisten?.(isLost).catch(() => undefined);
    // One that is lost may never say goodbye.
    if (!isLost) await freed;
  }

  /** Anybody may notify on the channel, so what is no notification of ours is only a reason to look. */
  #onPayload(payload: string): void {
    this.#echo.heard();
    this.#deaf = false;
    const { echo, ...notification } = parseNotification(payload);
    if (!echo) this.#handlers.onNotification(notification);
  }
}

/** Of a job. No number that Postgres would refuse. */
const ID = /^\d{1,18}$/;

/** Reads a notification; anything else gives an empty one. */
export function parseNotification(payload: string): Notification {
  try {
    const parsed: unknown = JSON.parse(payload);
    if (typeof parsed !== "object" || parsed === null) return {};
    const { queue, delayMs, job, abort, promote, sweep, schedules, queues, echo } = parsed as Record<string, unknown>;
    return {
      ...(isStorable(queue) ? { queue } : {}),
      ...(typeof delayMs === "number" && Number.isFinite(delayMs) ? { delayMs } : {}),
      ...(typeof job === "string" && ID.test(job) ? { job: BigInt(job) } : {}),
      ...(typeof abort === "string" ? { abort } : {}),
      ...(isStorable(promote) ? { promote } : {}),
      ...(sweep === true ? { sweep } : {}),
      ...(typeof echo === "string" ? { echo: true } : {}),
      ...(schedules === true ? { schedules } : {}),
      ...(queues === true ? { queues } : {}),
    };
  } catch {
    return {};
  }
}

/** A statement with any other text among its values fails, and with it what was to be done beside. */
function isStorable(value: unknown): value is string {
  return typeof value === "string" && findTextProblem(value, "payload") === undefined;
}
