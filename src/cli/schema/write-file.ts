import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { SchemaFileError } from "../../errors.ts";

/**
 * Writes a file that is not there, or not over one that somebody else wrote meanwhile.
 *
 * @param shown How a message names the file.
 * @throws SchemaFileError when it cannot be written.
 */
export function writeNewFile(path: string, shown: string, text: string): void {
  explained(shown, () => writeFileSync(path, text, { flag: "wx" }));
}

/**
 * Replaces a file, or what a link leads to, in one step: a process that is killed leaves the old file or the new one.
 *
 * @throws SchemaFileError when it cannot be written.
 */
export function replaceFile(path: string, shown: string, text: string): void {
  explained(shown, () => {
    const target = realpathSync(path);
    const temporary = `${target}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, text);
      chmodSync(temporary, statSync(target).mode);
      renameSync(temporary, target);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

function explained(shown: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SchemaFileError(`${shown} cannot be written: ${reason}.`, { cause });
  }
}
