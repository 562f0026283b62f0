import { InvalidOptionError } from "../../errors.ts";
import { SCHEMA_VERSION } from "../../schema-version.ts";
import { listPackageFolder, readPackageFile } from "../package-files.ts";

/** What brings the tables from one version to the next. */
export interface Migration {
  /** The version that it makes. */
  readonly version: number;
  /** As in the package's folder `migrations`. */
  readonly file: string;
  readonly sql: string;
}

/** All migrations of the package, in their order: the first makes the tables. */
export function readMigrations(): Migration[] {
  return listPackageFolder("migrations/")
    .filter((file) => /^\d{4}_\w+\.sql$/.test(file))
    .map((file) => ({ version: Number(file.slice(0, 4)), file, sql: readPackageFile(`migrations/${file}`) }));
}

/**
 * The migrations that bring tables of a version to that of this package; all, if `from` is undefined.
 *
 * @throws InvalidOptionError when there is no such version.
 */
export function migrationsAfter(from: number | undefined): Migration[] {
  if (from !== undefined && !(Number.isInteger(from) && from >= 1 && from <= SCHEMA_VERSION)) {
    const known = SCHEMA_VERSION === 1 ? "1 is the only one there is" : `they are 1 to ${SCHEMA_VERSION}`;
    const fix = `is not a version of the tables that this package knows: ${known}. Leave --from out to make the tables.`;
    throw new InvalidOptionError("--from", from, fix);
  }
  return readMigrations().filter(({ version }) => version > (from ?? 0) && version <= SCHEMA_VERSION);
}
