import { existsSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { App } from "../app.ts";
import { AppLoadError } from "../errors.ts";
import { typescriptLoader } from "./typescript-loader.ts";

/** An app of whatever ORM: the commands never open transactions. */
export type AnyApp = App<object>;

const JAVASCRIPT = [".js", ".mjs", ".cjs"];

/**
 * Loads the app of a module: its export `app`, or the default one, or the one named after a colon, as in
 * `src/queue.ts:worker`. TypeScript is loaded with the paths of the app's tsconfig.
 *
 * @throws AppLoadError when there is no such file, it throws, or it exports no app.
 */
export async function loadApp(path: string | undefined): Promise<AnyApp> {
  if (!path) {
    throw new AppLoadError("No app was given. Name its module: --app src/app.ts, or set PROCRASTINATE_APP=src/app.ts.");
  }
  const { file, name } = splitPath(path);
  const exported = await importModule(file, path);
  const candidates = name === undefined ? [exported["app"], exported["default"]] : [exported[name]];
  for (const candidate of candidates) {
    const app = await settle(candidate, path);
    if (isApp(app)) return app;
  }
  const names = Object.keys(exported).join(", ") || "nothing";
  const wanted = name === undefined ? 'an app as "app" or as default' : `an app as "${name}"`;
  throw new AppLoadError(`${path} does not export ${wanted}; it exports ${names}. Export what createApp(…) gave.`);
}

/** An export may be the promise of an app. */
async function settle(candidate: unknown, path: string): Promise<unknown> {
  try {
    return await candidate;
  } catch (cause) {
    throw new AppLoadError(`The app that ${path} exports could not be made.`, { cause });
  }
}

/** A colon after the extension separates the export; one before it belongs to the path, as in C:\app.ts. */
function splitPath(path: string): { file: string; name: string | undefined } {
  const match = /^(.+\.[cm]?[jt]s):([\w$]+)$/.exec(path);
  const file = resolve(match?.[1] ?? path);
  if (!existsSync(file))
    throw new AppLoadError(`The app module ${file} does not exist. Give --app the path of a file.`);
  if (statSync(file).isDirectory()) throw new AppLoadError(`${file} is a folder. Give --app the path of a file.`);
  return { file, name: match?.[2] };
}

async function importModule(file: string, path: string): Promise<Record<string, unknown>> {
  try {
    if (JAVASCRIPT.includes(extname(file))) return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    return (await typescriptLoader(file).import(file)) as Record<string, unknown>;
  } catch (cause) {
    throw new AppLoadError(`The app module ${path} could not be loaded.`, { cause });
  }
}

/** By its shape: the app may come from another copy of this package. */
function isApp(value: unknown): value is AnyApp {
  return typeof value === "object" && value !== null && "createWorker" in value && "taskNames" in value;
}
