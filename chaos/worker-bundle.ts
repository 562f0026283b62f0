import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = new URL("../", import.meta.url);

/** The worker's program as JavaScript, below node_modules so that it finds its packages. */
export interface WorkerBundle {
  readonly file: URL;
  remove(): void;
}

/** A worker that starts from its sources takes three times as long, most of the time of a try. */
export async function bundleWorker(): Promise<WorkerBundle> {
  const folder = new URL(`node_modules/.cache/chaos-${process.pid}/`, ROOT);
  await build({
    entryPoints: [fileURLToPath(new URL("chaos/worker.ts", ROOT))],
    outdir: fileURLToPath(folder),
    outExtension: { ".js": ".mjs" },
    tsconfig: fileURLToPath(new URL("tsconfig.json", ROOT)),
    platform: "node",
    format: "esm",
    packages: "external",
    bundle: true,
    splitting: true,
    sourcemap: "inline",
    logLevel: "error",
  });
  return { file: new URL("worker.mjs", folder), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
