import type { DatabaseTransaction, NewRow, Row, ScalarColumn, TableName, Where } from '@user-workspaces/contract';
import { decodeNumber, decodeRow, encodeChanges, encodeRow, encodeValue } from './codec.js';
import type { Dialect } from './dialect.js';
import { asAdapterError, type Failure } from './failure.js';
import { Reader } from './reader.js';
import { columnOf, schemaOf } from './schema.js';
import { changesOf, rowsOf, type Session, translated } from './session.js';
import { applyRequiredWhere } from './where.js';

/** The first statement that failed: from then on the transaction can only be rolled back. */
export interface StatementFailure {
  readonly failure: Failure;
  readonly error: unknown;
}

export class SqlTransaction extends Reader implements DatabaseTransaction {
  private ended = false;
  private firstFailure: StatementFailure | undefined;

  constructor(
    dialect: Dialect,
    private readonly session: Session,
  ) {
    super(dialect, session.knex, (statement) => this.guarded(() => session.run(statement)));
  }

  /**
   * Ends the use of this object. A failure is returned even if the work caught its error: PostgreSQL answers COMMIT after
   * a failed statement by rolling back, and MariaDB rolls back at once after a deadlock.
   */
  end(): StatementFailure | undefined {
    this.ended = true;
    return this.firstFailure;
  }

  async lock<T extends TableName>(table: T, id: number): Promise<Row<T> | undefined> {
    const statement = this.byId(table, id).select([...schemaOf(table).columns.keys()]);
    this.dialect.forUpdate(statement);
    const [row] = rowsOf(await this.run(statement));
    return row && decodeRow(table, row);
  }

  async insert<T extends TableName>(table: T, row: NewRow<T>): Promise<Row<T>> {
    const stored = encodeRow(table, row);
    const outcome = await this.guarded(() => this.dialect.insert(this.session, table, stored));
    if (typeof outcome === 'object') throw asAdapterError(outcome, undefined, this.dialect.product, this.dialect.place);
    return decodeRow(table, { ...stored, id: outcome });
  }

  async update<T extends TableName>(table: T, where: Where<T>, changes: Partial<NewRow<T>>): Promise<number> {
    const stored = encodeChanges(table, changes);
    if (Object.keys(stored).length === 0) throw new TypeError(`An update of ${table} without a change is refused.`);
    const statement = applyRequiredWhere(this.table(table), this.dialect, table, where).update(stored);
    return changesOf(await this.run(statement));
  }

  async increment<T extends TableName>(
    table: T,
    id: number,
    column: ScalarColumn<T>,
    by: number,
  ): Promise<number | undefined> {
    const { name, type } = columnOf(table, column);
    if (type !== 'integer' && type !== 'number') throw new TypeError(`${table}.${name} cannot be added to.`);
    encodeValue(table, columnOf(table, 'id'), id);
    encodeValue(table, columnOf(table, name), by);
    const value = await this.guarded(() => this.dialect.increment(this.session, table, id, name, by));
    return value === undefined ? undefined : decodeNumber(`${table}.${name}`, value);
  }

  async remove<T extends TableName>(table: T, where: Where<T>): Promise<number> {
    return changesOf(await this.run(applyRequiredWhere(this.table(table), this.dialect, table, where).delete()));
  }

  async passOverIds(table: TableName, upTo: number): Promise<boolean> {
    encodeValue(table, columnOf(table, 'id'), upTo);
    if (upTo <= 0) return false;
    return this.guarded(() => this.dialect.passOverIds(this.session, table, upTo));
  }

  private byId(table: TableName, id: number) {
    return this.table(table).where('id', encodeValue(table, columnOf(table, 'id'), id));
  }

  private async guarded<R>(statement: () => Promise<R>): Promise<R> {
    if (this.ended)
      throw new TypeError('This transaction has ended; use the one that `work` was given, and await its calls.');
    if (this.firstFailure) throw this.firstFailure.error;
    try {
      return await statement();
    } catch (cause) {
      this.firstFailure ??= translated(this.dialect, cause);
      throw translated(this.dialect, cause).error;
    }
  }
}
