import { notifyEcho } from "../sql/notify-echo.ts";
import type { WorkerRuntime } from "./worker-runtime.ts";

/** Where nothing was heard for so long, or somewhat less, the connection is tried. */
const QUIET_MS = 30_000;
/** The share of it that is left to chance: whoever asks first asks for all, as all who listen hear the answer. */
const JITTER = 0.3;
/** How long a notification may take to come back that was sent. */
const ECHO_MS = 5000;
/** After a pause of the process its timers come first, and only then what arrived meanwhile. */
const READ_MS = 10;

/**
 * Tries whether anything is heard on a listening connection, with a notification to itself: when the connection begins
 * to listen, as a pooler in transaction mode accepts LISTEN and delivers nothing; and where it is quiet for long, as a
 * connection that a firewall forgot is silent for ever.
 */
export class EchoProbe {
  readonly #runtime: WorkerRuntime;
  readonly #onSilence: (isNew: boolean) => void;
  #heardAt: number;
  /** Nothing was heard yet on this connection, nor missed. */
  #isNew = true;
  #stopWaiting: () => void = () => undefined;

  /** @param onSilence What was sent is not heard. `isNew`: it is the first that was missed, and nothing was heard. */
  constructor(runtime: WorkerRuntime, onSilence: (isNew: boolean) => void) {
    this.#runtime = runtime;
    this.#onSilence = onSilence;
    this.#heardAt = runtime.clock.now();
  }

  /** There is a connection that nothing was heard on yet. */
  begin(): void {
    this.#isNew = true;
    this.#heardAt = this.#runtime.clock.now();
    this.#ask();
  }

  /** Something was heard, whatever it was. */
  heard(): void {
    this.end();
    this.#isNew = false;
    this.#heardAt = this.#runtime.clock.now();
  }

  /** There is no connection. */
  end(): void {
    this.#stopWaiting();
  }

  /** Asks if it was quiet for long. Gives the milliseconds until it may have been so again. */
  askIfQuiet(): number {
    const { clock, random } = this.#runtime;
    const leftMs = this.#heardAt + QUIET_MS * (1 - JITTER * random()) - clock.now();
    if (leftMs > 0) return leftMs;
    this.#ask();
    return QUIET_MS;
  }

  #ask(): void {
    const { sql, identity, clock } = this.#runtime;
    this.end();
    let isOver = false;
    let cancel = (): void => undefined;
    this.#stopWaiting = () => {
      isOver = true;
      cancel();
    };
    const wait = (ms: number, then: () => void): void => {
      if (!isOver) cancel = clock.timer(ms, then);
    };
    const silent = (): void => {
      const isNew = this.#isNew;
      this.#isNew = false;
      this.#onSilence(isNew);
    };
    notifyEcho(sql, identity.id).then(
      () => wait(ECHO_MS, () => wait(READ_MS, silent)),
      // It was never sent, so that its silence says nothing.
      () => undefined,
    );
  }
}
