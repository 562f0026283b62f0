// Methods that the WebAssembly build answers otherwise than the native engine: on the side of the history it forgets the
// preview features, so that every partial index looks changed. `diff` does not, and so all is answered from it.

const fromMigrations = ({ migrationsList: list }) =>
  list.lockfile.content == null ? { tag: "empty" } : { tag: "migrations", ...list };

async function diffMigrations(engine, params) {
  // Only these two may open a shadow database; the others read what they have found there.
  await engine.devDiagnostic({ migrationsList: params.migrationsList, filters: params.filters });
  return diff(engine, fromMigrations(params), params);
}

function diff(engine, from, { schema, filters }) {
  const to = { tag: "schemaDatamodel", ...schema };
  return engine.diff({ from, to, script: true, exitCode: true, filters });
}

/** By the names that the CLI calls. */
export const METHODS = {
  getDatabaseVersion: (engine, params) => engine.version(params),

  async evaluateDataLoss(engine, params) {
    const { exitCode, stdout } = await diffMigrations(engine, params);
    if (exitCode === 0) return { migrationSteps: 0, unexecutableSteps: [], warnings: [] };
    const loss = await engine.evaluateDataLoss(params);
    const addsUnique = /CREATE UNIQUE INDEX/.test(stdout);
    const isReal = ({ message }) => addsUnique || !/unique constraint covering/.test(message);
    return { ...loss, warnings: loss.warnings.filter(isReal) };
  },

  async createMigration(engine, params) {
    const { exitCode, stdout } = await diffMigrations(engine, params);
    const moment = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 14);
    const name = params.migrationName.replace(/[^\w]+/g, "_").toLowerCase();
    return {
      connectorType: "postgresql",
      extension: "sql",
      generatedMigrationName: `${moment}_${name}`,
      migrationScript: exitCode === 0 && !params.draft ? null : stdout,
    };
  },

  async schemaPush(engine, params) {
    const from = { tag: "schemaDatasource", ...params.schema, configDir: "" };
    const { exitCode } = await diff(engine, from, params);
    return exitCode === 0 ? { executedSteps: 0, unexecutable: [], warnings: [] } : engine.schemaPush(params);
  },
};
