/** The version of the tables that this package is made for. */
export const SCHEMA_VERSION = 1;

/** What tables say of themselves. */
export interface TablesVersion {
  readonly version: number;
  /** Packages made for this version of the tables, and for later ones, still work with these. */
  readonly worksSince: number;
}

/** The default of `schema_version` holds two numbers, so that every form of the tables can say both in one place. */
const FACTOR = 1000;

/**
 * Reads the default of `schema_version`: 3 is version 3, for packages made for that alone; 1003 is version 3, with which
 * packages made for version 1 and 2 still work. 0 where it says nothing.
 */
export function readTablesVersion(stored: number): TablesVersion {
  if (!Number.isInteger(stored) || stored < 1) return { version: 0, worksSince: 0 };
  const version = stored % FACTOR;
  return { version, worksSince: Math.floor(stored / FACTOR) || version };
}

/** Whether a package works with tables. Older ones lack what it needs; newer ones say themselves whom they suit. */
export function compareVersions(
  { version, worksSince }: TablesVersion,
  packageVersion: number = SCHEMA_VERSION,
): "fits" | "too_old" | "too_new" {
  if (version < packageVersion) return "too_old";
  return worksSince <= packageVersion ? "fits" : "too_new";
}
