import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's own folder, which is at another depth above the sources than above the build. */
const ROOT = ["../../", "../../../"]
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(new URL("migrations", url)) && existsSync(new URL("package.json", url)));

export function readPackageVersion(): string {
  if (ROOT === undefined) return "unknown";
  const { version } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as { version?: string };
  return version ?? "unknown";
}

/** The text of a file of the package, by its path from the package's folder. */
export function readPackageFile(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, ROOT)), "utf8");
}

/** The names in a folder of the package, sorted. */
export function listPackageFolder(path: string): string[] {
  return readdirSync(fileURLToPath(new URL(path, ROOT))).sort();
}
