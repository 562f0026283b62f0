// Checked by tsc: which arguments can be deferred. Never run.
import { type App, defineTask, type JsonObject, type JsonValue } from "../../src/index.ts";

declare const app: App<object>;

interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly note?: string;
}

interface Order {
  id: string;
  lines: Line[];
  total: number | null;
  flags: readonly boolean[];
  pair: readonly [string, number];
  state: "open" | "paid";
  owner: { kind: "user"; name: string } | { kind: "team"; members: readonly string[] };
  more: Record<string, number>;
  free: JsonValue;
}

declare const order: Order;
declare const line: Line;
declare const value: JsonValue;
declare const object: JsonObject;

const none = defineTask({ name: "none" });
const empty = defineTask<Record<string, never>>({ name: "empty" });
const ordered = defineTask<Order>({ name: "ordered" });
const lined = defineTask<Line>({ name: "lined" });
const optional = defineTask<{ n?: number; text?: string | null }>({ name: "optional" });
const union = defineTask<{ kind: "a"; a: number } | { kind: "b"; b: string }>({ name: "union" });
const any = defineTask<JsonObject>({ name: "any" });
const valued = defineTask<{ value: JsonValue }>({ name: "valued" });

export async function argumentsThatAreJson(): Promise<void> {
  await app.defer(none);
  await app.defer(none, {});
  await app.defer(none, undefined, { queue: "slow" });
  await app.defer(empty);
  await app.defer(ordered, order);
  await app.defer(lined, line);
  await app.defer(lined, { sku: "a", quantity: 1 });
  await app.defer(lined, { sku: "a", quantity: 1, note: "b" });
  await app.defer(optional);
  await app.defer(optional, {});
  await app.defer(optional, { n: 1, text: null });
  await app.defer(union, { kind: "a", a: 1 });
  await app.defer(union, { kind: "b", b: "x" });
  await app.defer(any);
  await app.defer(any, object);
  await app.defer(any, { a: [1, { b: null }], c: "d" });
  await app.defer(valued, { value });
  await app.defer(valued, { value: [1, "a", { b: null }] });
  await app.batchDefer(ordered, [order, order]);
  await app.batchDefer(any, [object, {}]);
  await app.batchDefer(none, [{}, {}]);
  await app.batchDefer(union, [
    { kind: "a", a: 1 },
    { kind: "b", b: "x" },
  ]);
  const list: readonly Line[] = [line];
  await app.batchDefer(lined, list);
}

export async function argumentsThatAreWrong(): Promise<void> {
  // @ts-expect-error they are missing
  await app.defer(lined);
  // @ts-expect-error a part is missing
  await app.defer(lined, { sku: "a" });
  // @ts-expect-error a part has another type
  await app.defer(lined, { sku: "a", quantity: "1" });
  // @ts-expect-error a part is unknown
  await app.defer(lined, { sku: "a", quantity: 1, size: 5 });
  // @ts-expect-error a part is unknown, where all are optional
  await app.defer(optional, { m: 1 });
  // @ts-expect-error undefined is not JSON, leave it out
  await app.defer(optional, { n: undefined });
  // @ts-expect-error the task takes none
  await app.defer(none, { n: 1 });
  // @ts-expect-error the task takes none
  await app.defer(empty, { n: 1 });
  // @ts-expect-error they are those of the other member
  await app.defer(union, { kind: "a", b: "x" });
  // @ts-expect-error they are no object
  await app.defer(lined, "a");
  // @ts-expect-error null is not "none"
  await app.defer(none, null);
  // @ts-expect-error they are a list
  await app.defer(lined, [line]);
  // @ts-expect-error they are no list
  await app.batchDefer(lined, line);
  // @ts-expect-error the second is wrong
  await app.batchDefer(lined, [line, { sku: "a" }]);
  // @ts-expect-error bound tasks check them too
  await app.configure(lined, {}).defer({ sku: "a" });
  // @ts-expect-error bound tasks check them too
  await app.configure(lined, {}).defer();
  // @ts-expect-error bound tasks check them too
  await app.configure(lined, {}).batchDefer([{ sku: "a" }]);
  await app.configure(lined, {}).batchDefer([line]);
  await app.configure(none, {}).defer();
}

class Money {
  readonly cents = 5;
  format(): string {
    return `${this.cents}`;
  }
}

export async function argumentsThatAreNotJson(): Promise<void> {
  const date = defineTask<{ at: Date }>({ name: "date" });
  // @ts-expect-error a Date would come back as a text
  await app.defer(date, { at: new Date(0) });
  const big = defineTask<{ id: bigint }>({ name: "big" });
  // @ts-expect-error JSON.stringify throws on a bigint
  await app.defer(big, { id: 1n });
  const run = defineTask<{ run: () => void }>({ name: "run" });
  // @ts-expect-error a function would be left out
  await app.defer(run, { run: () => undefined });
  const method = defineTask<{ money: Money }>({ name: "method" });
  // @ts-expect-error a class would come back without its methods
  await app.defer(method, { money: new Money() });
  const map = defineTask<{ map: Map<string, number> }>({ name: "map" });
  // @ts-expect-error a Map would come back empty
  await app.defer(map, { map: new Map() });
  const set = defineTask<{ set: ReadonlySet<string> }>({ name: "set" });
  // @ts-expect-error a Set would come back empty
  await app.defer(set, { set: new Set() });
  const pattern = defineTask<{ pattern: RegExp }>({ name: "pattern" });
  // @ts-expect-error a RegExp would come back empty
  await app.defer(pattern, { pattern: /a/ });
  const bytes = defineTask<{ bytes: Uint8Array }>({ name: "bytes" });
  // @ts-expect-error bytes would come back as an object
  await app.defer(bytes, { bytes: new Uint8Array() });
  const symbol = defineTask<{ symbol: symbol }>({ name: "symbol" });
  // @ts-expect-error a symbol would be left out
  await app.defer(symbol, { symbol: Symbol("a") });
  const nothing = defineTask<{ nothing: undefined }>({ name: "nothing" });
  // @ts-expect-error undefined would be left out
  await app.defer(nothing, { nothing: undefined });
  const unknown = defineTask<{ value: unknown }>({ name: "unknown" });
  // @ts-expect-error whether an unknown value is JSON is unknown
  await app.defer(unknown, { value: value as unknown });
  const deep = defineTask<{ list: { at: Date }[] }>({ name: "deep" });
  // @ts-expect-error deep inside counts too
  await app.defer(deep, { list: [{ at: new Date(0) }] });
  // @ts-expect-error in a batch too
  await app.batchDefer(date, [{ at: new Date(0) }]);
  const either = defineTask<{ at: Date | string }>({ name: "either" });
  // @ts-expect-error one member of the union is no JSON
  await app.defer(either, { at: new Date(0) });
  await app.defer(either, { at: "2026-03-04T05:06:07Z" });
}
