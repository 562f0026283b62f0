import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createAdapterFactory } from "./adapter.mjs";

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve("@prisma/schema-engine-wasm"));
const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** The commit of the engine, which the CLI compares with its own. */
export const ENGINE_VERSION = version.replace(/^.*\./, "");

/** As the native engine logs, for the CLI to read. */
export function log(level, fields) {
  const entry = { timestamp: new Date().toISOString(), level, fields, target: "schema_engine::logger" };
  process.stderr.write(`${JSON.stringify(entry)}\n`);
}

export function reportPanic(message) {
  log("ERROR", { is_panic: true, message });
}

/**
 * @param options.files The app's schema: pairs of path and text.
 * @param options.url Of the app's database.
 */
export async function createEngine({ files, url, shadowDatabaseUrl }) {
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: reportPanic };
  const glue = await import(pathToFileURL(join(folder, "schema_engine_bg.js")).href);
  const wasm = readFileSync(join(folder, "schema_engine_bg.wasm"));
  const { instance } = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const options = { datamodels: files.length > 0 ? files : undefined };
  return glue.SchemaEngine.new(options, () => undefined, createAdapterFactory({ url, shadowDatabaseUrl }));
}
