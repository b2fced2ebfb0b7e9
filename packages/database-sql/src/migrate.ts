import { AdapterError } from '@user-workspaces/contract';
import type { Dialect, SchemaFlavour } from './dialect.js';
import { codeOf, Transient } from './failure.js';
import { type Migration, migrations } from './migrations/index.js';
import { rowsOf, type Session, translated } from './session.js';

const TABLE = 'user_workspaces_migrations';
/** What MariaDB says of a statement that an interrupted run of the same migration has already carried out. */
const ALREADY_DONE = new Set([
  'ER_TABLE_EXISTS_ERROR',
  'ER_DUP_KEYNAME',
  'ER_DUP_FIELDNAME',
  'ER_CANT_DROP_FIELD_OR_KEY',
]);

/** How the tables are, and how this release needs them. */
export interface TableVersion {
  /** 0 where there are none. */
  readonly present: number;
  readonly needed: number;
}

/**
 * Brings the tables to the version of the last step, in the session's transaction. Of several processes one migrates and the
 * others are told to come back ({@link Transient}); they then find nothing to do.
 */
export async function migrate(
  dialect: Dialect,
  session: Session,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  try {
    if (!(await dialect.tryMigrationLock(session))) {
      const message = 'Another process has been changing the tables for too long; look after it, then start again.';
      throw new Transient(new AdapterError('unavailable', message));
    }
    try {
      await applyMissing(dialect, session, steps);
    } finally {
      await dialect.releaseMigrationLock(session);
    }
  } catch (cause) {
    if (cause instanceof Transient) throw cause;
    const { failure, error } = translated(dialect, cause);
    throw failure.kind === 'transient' ? new Transient(error) : error;
  }
}

async function applyMissing(dialect: Dialect, session: Session, steps: readonly Migration[]): Promise<void> {
  const { knex } = session;
  const flavour = await dialect.schemaFlavour(session);
  if (!(await session.hasTable(TABLE))) {
    await runSchema(
      session,
      knex.schema.createTable(TABLE, (table) => {
        flavour.table(table);
        table.integer('version').primary();
        table.string('name', 100).notNullable();
        table.boolean('is_finished').notNullable();
      }),
    );
  }
  const rows = rowsOf(await session.run(knex(TABLE).select(['version', 'is_finished'])));
  const known = new Map(rows.map((row) => [Number(row.version), Boolean(row.is_finished)]));
  const newest = Math.max(0, ...known.keys());
  if (newest > steps.length) {
    const message = `The tables at ${dialect.place} are of version ${newest}, made by a newer release than this one, which knows ${steps.length}; use the newer release.`;
    throw new AdapterError('misconfigured', message);
  }
  for (const migration of steps) {
    if (known.get(migration.version) === true) continue;
    await apply(dialect, flavour, session, migration, known.has(migration.version));
  }
}

async function apply(
  dialect: Dialect,
  flavour: SchemaFlavour,
  session: Session,
  migration: Migration,
  resumed: boolean,
): Promise<void> {
  const { knex } = session;
  const { version, name } = migration;
  if (!resumed) {
    for (const table of migration.creates) {
      if (!(await session.hasTable(table))) continue;
      const message = `There is already a table ${table} at ${dialect.place} that is not this product's; use a database of its own.`;
      throw new AdapterError('misconfigured', message);
    }
    await session.run(knex(TABLE).insert({ version, name, is_finished: false }));
  }
  await runSchema(session, migration.statements(knex.schema, flavour), !dialect.transactionalSchema && resumed);
  await session.run(knex(TABLE).where({ version }).update({ is_finished: true }));
}

/** Which version the tables have, without changing them. Steps that are under way, or were interrupted, do not count. */
export async function tableVersion(dialect: Dialect, session: Session): Promise<TableVersion> {
  const needed = migrations.length;
  try {
    if (!(await session.hasTable(TABLE))) return { present: 0, needed };
    const finished = session.knex(TABLE).where({ is_finished: true }).select(['version']);
    const versions = rowsOf(await session.run(finished)).map((row) => Number(row.version));
    return { present: Math.max(0, ...versions), needed };
  } catch (cause) {
    const { failure, error } = translated(dialect, cause);
    throw failure.kind === 'transient' ? new Transient(error) : error;
  }
}

/** One statement after the other, on the session's own connection. */
async function runSchema(
  session: Session,
  schema: { toSQL(): readonly { readonly sql: string }[] },
  mayBeDone = false,
): Promise<void> {
  for (const { sql } of schema.toSQL()) {
    try {
      await session.runText(sql);
    } catch (error) {
      if (!(mayBeDone && ALREADY_DONE.has(codeOf(error)))) throw error;
    }
  }
}
