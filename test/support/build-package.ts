import { spawn } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

/** Builds the package as npm would publish it: what its manifest names. */
export async function buildPackage(to: string): Promise<void> {
  await compile(join(to, "dist"));
  const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const file of ["package.json", ...files]) {
    if (file !== "dist") cpSync(join(ROOT, file), join(to, file), { recursive: true });
  }
}

function compile(to: string): Promise<void> {
  const args = [TSC, "-p", "tsconfig.build.json", "--outDir", to];
  const tsc = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  tsc.stdout.on("data", (data: Buffer) => (output += data.toString()));
  return new Promise((resolve, reject) => {
    tsc.on("error", reject);
    tsc.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`The package cannot be built: ${output}`));
    });
  });
}
