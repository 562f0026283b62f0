import { createHash } from "node:crypto";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import type { TableOptions } from "../../sql/statement.ts";

/** What a team may choose or add in its file; an upgrade keeps it. */
export interface Variant {
  readonly tables: TableOptions;
  /** Prisma: the models that the client shall not have. */
  readonly hidden: readonly string[];
  /** Prisma: the other sides of the app's relations, as they stand in each model. */
  readonly relations: ReadonlyMap<string, readonly string[]>;
}

/** The file that an ORM's schema has of the queue. */
export interface SchemaFileKind {
  readonly orm: "prisma" | "drizzle";
  /** The file as this package writes it. */
  write(variant: Variant): string;
  readVariant(text: string): Variant;
  /** What of a text must stay as it was written, without what a team may change, its formatter's taste included. */
  essence(text: string): readonly string[];
}

/** What became of a file since this package, or an older one, wrote it. */
export type FileState =
  | { readonly state: "current" }
  /** As an older package wrote it. `text` is what this one writes. */
  | { readonly state: "outdated"; readonly version: number; readonly text: string }
  | { readonly state: "newer"; readonly version: number }
  /** Somebody changed what the queue relies on. */
  | { readonly state: "edited"; readonly differences: readonly string[]; readonly text: string };

const STAMP = /^\/\/ procrastinate: schema version (\d+), checksum ([0-9a-f]{8})$/m;

/** The line by which a later package sees whether a file was edited, and which version it is of. */
export function stampOf(essence: readonly string[]): string {
  return `// procrastinate: schema version ${SCHEMA_VERSION}, checksum ${checksumOf(essence)}`;
}

export function isStamp(line: string): boolean {
  return STAMP.test(line);
}

/** The version that a file says it is of; undefined where it says none. */
export function readStampedVersion(text: string): number | undefined {
  const version = STAMP.exec(text)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** Compares a file with what this package writes. */
export function judgeFile(kind: SchemaFileKind, text: string): FileState {
  const target = kind.write(kind.readVariant(text));
  const is = kind.essence(text);
  const wanted = kind.essence(target);
  const [, stamped, checksum] = STAMP.exec(text) ?? [];
  const version = stamped === undefined ? SCHEMA_VERSION : Number(stamped);
  if (version > SCHEMA_VERSION) return { state: "newer", version };
  const isSame = is.join("\n") === wanted.join("\n");
  if (isSame && version === SCHEMA_VERSION) return { state: "current" };
  if (isSame || checksumOf(is) === checksum) return { state: "outdated", version, text: target };
  return { state: "edited", differences: differencesOf(is, wanted), text: target };
}

/** Long enough to tell an edited file from an untouched one; nobody tries to deceive it. */
function checksumOf(essence: readonly string[]): string {
  return createHash("sha256").update(essence.join("\n")).digest("hex").slice(0, 8);
}

function differencesOf(is: readonly string[], wanted: readonly string[]): string[] {
  const without = (lines: readonly string[], others: readonly string[]): string[] => {
    const left = [...others];
    return lines.filter((line) => {
      const at = left.indexOf(line);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  return [...without(is, wanted).map((line) => `- ${line}`), ...without(wanted, is).map((line) => `+ ${line}`)];
}
