// Checked by tsc: what is JSON where it is typed by an interface. Never run.
import { type App, defineTask, type JobContext, type JsonCompatible, type Task } from "../../src/index.ts";

declare const app: App<object>;
declare const context: JobContext;
declare const tx: object;

interface Point {
  x: number;
  y?: number;
}
interface Path {
  readonly name: string;
  readonly points: readonly Point[];
  readonly box: { from: Point; to: Point | null };
}

interface Tree {
  readonly value: string;
  readonly children: readonly Tree[];
}
type Shape = { readonly kind: "path"; readonly path: Path } | { readonly kind: "tree"; readonly tree?: Tree };

declare const path: Path;
declare const tree: Tree;
declare const shape: Shape;
declare const maybe: Path | undefined;
const task = defineTask<Path>({ name: "path" });
const trees = defineTask<Tree>({ name: "tree" });
const shapes = defineTask<Shape>({ name: "shape" });

export async function resultsThatAreJson(): Promise<void> {
  await context.complete(tx);
  await context.complete(tx, undefined);
  await context.complete(tx, null);
  await context.complete(tx, 5);
  await context.complete(tx, "text");
  await context.complete(tx, [1, "a", null, { b: [true] }]);
  await context.complete(tx, { x: 1 });
  await context.complete(tx, {});
  await context.complete(tx, path);
  await context.complete(tx, maybe);
  await context.complete(tx, [path, path]);
  await context.complete(tx, { path, more: [path] });
  await context.complete<Path>(tx, path);
  await context.complete(tx, tree);
  await context.complete(tx, shape);
}

export async function resultsThatAreNot(): Promise<void> {
  // @ts-expect-error a Date would come back as a text
  await context.complete(tx, new Date(0));
  // @ts-expect-error deep inside counts too
  await context.complete(tx, { list: [{ at: new Date(0) }] });
  // @ts-expect-error JSON.stringify throws on a bigint
  await context.complete(tx, 1n);
  // @ts-expect-error a function would be left out
  await context.complete(tx, { run: () => 1 });
  // @ts-expect-error a Map would come back empty
  await context.complete(tx, new Map());
  // @ts-expect-error whether an unknown value is JSON is unknown
  await context.complete(tx, path as unknown);
}

export async function argumentsOfInterfaces(): Promise<void> {
  await app.defer(task, path);
  await context.defer(task, path);
  await context.batchDefer(task, [path]);
  await app.batchDefer(task, [path]);
  await app.configure(task, {}).defer(path);
  await app.configure(task, {}).batchDefer([path]);
  await app.defer(trees, tree);
  await app.defer(shapes, shape);
  await app.batchDefer(shapes, [shape]);
  await app.defer(app.getTask("path"), path);
  await app.batchDefer(app.getTask("path"), [path]);
  await app.configure(app.getTask("path"), {}).defer(path);
}

/** A helper of an app that is generic over tasks. */
export async function throughAHelper<Input extends object>(
  given: Task<Input>,
  args: Input & JsonCompatible<Input>,
): Promise<void> {
  await app.batchDefer(given, [args]);
}
