import { z } from "zod";

export interface Answer {
  readonly status: number;
  readonly body: z.output<typeof bodySchema>;
}

const bodySchema = z.looseObject({ id: z.string().optional(), error: z.string().optional() });

/** A customer at the web server. */
export class Shop {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async post(order: object): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.#url}/orders`, { method: "POST", headers, body: JSON.stringify(order) });
    return { status: response.status, body: bodySchema.parse(await response.json()) };
  }

  /** Places an order that must be taken; gives its id. */
  async order(order: object): Promise<string> {
    const { status, body } = await this.post(order);
    if (status !== 201 || body.id === undefined) throw new Error(`POST /orders answered ${status}: ${body.error}`);
    return body.id;
  }

  async get(orderId: string): Promise<Answer> {
    const response = await fetch(`${this.#url}/orders/${orderId}`);
    return { status: response.status, body: bodySchema.parse(await response.json()) };
  }
}
