import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createJiti, type Jiti } from "jiti";

/**
 * Loads TypeScript without a build, with the paths of its tsconfig. What a default import of a CommonJS package gives
 * depends on who imports, as in Node and tsc: an ES module gets `module.exports`, a CommonJS one its `default`.
 *
 * Prisma's runtime is left to Node in any case: under the rules for CommonJS each of its errors became
 * "Cannot read properties of undefined (reading 'sep')", as the loader gives what it imports another shape.
 */
export function typescriptLoader(file: string): Jiti {
  return createJiti(pathToFileURL(file).href, {
    tsconfigPaths: true,
    interopDefault: !isEsModule(file),
    nativeModules: ["@prisma/client"],
  });
}

/** By its extension, or else by the nearest package.json. */
function isEsModule(file: string): boolean {
  const extension = extname(file);
  if (extension === ".mts" || extension === ".cts") return extension === ".mts";
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, "utf8")) as { type?: unknown }).type === "module";
    if (folder === dirname(folder)) return false;
  }
}
