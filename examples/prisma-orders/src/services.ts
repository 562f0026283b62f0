/** A service did not answer, or said that it cannot now. Later it may. */
export class ServiceUnavailableError extends Error {}

/** A service refused the request. It would refuse it again. */
export class ServiceRefusedError extends Error {}

interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

interface Picking {
  readonly productId: number;
  readonly quantity: number;
}

/** How a call to the outside is made from a job. */
interface CallOptions {
  /** The same for every attempt of a job, so that the service can drop what it has done already. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** Hands a mail to the mail provider. */
export function sendMail(mail: Mail, options: CallOptions): Promise<void> {
  return post("/mails", mail, options);
}

/** Tells the warehouse to take goods out. */
export function pickGoods(picking: Picking, options: CallOptions): Promise<void> {
  return post("/pickings", picking, options);
}

async function post(path: string, body: object, { idempotencyKey, signal }: CallOptions): Promise<void> {
  // Read here and not above: tasks import this file, and importing a task must need no configuration.
  const url = process.env["SERVICES_URL"];
  if (url === undefined) {
    console.log(`POST ${path} ${JSON.stringify(body)}`);
    return;
  }
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
    body: JSON.stringify(body),
    signal,
  }).catch((error: unknown) => {
    // Aborted: the signal's reason says why, and is no failure of the service.
    signal.throwIfAborted();
    throw new ServiceUnavailableError(`${path} does not answer`, { cause: error });
  });
  if (response.ok) return;
  const message = `${path} answered ${response.status}: ${await response.text()}`;
  const isTemporary = response.status === 429 || response.status >= 500;
  throw isTemporary ? new ServiceUnavailableError(message) : new ServiceRefusedError(message);
}
