import type { DatabaseReader, Query, Row, TableName, Where } from '@user-workspaces/contract';
import type { Knex } from 'knex';
import { decodeNumber, decodeRow } from './codec.js';
import type { Dialect } from './dialect.js';
import { schemaOf } from './schema.js';
import { rowsOf } from './session.js';
import { applyOrderAndLimit, applyWhere } from './where.js';

/** Runs a statement somewhere: on any connection, or on the one of a transaction. */
export type RunStatement = (statement: Knex.QueryBuilder) => Promise<unknown>;

/** Reading is the same in and outside a transaction; only who runs the statement differs. */
export class Reader implements DatabaseReader {
  constructor(
    protected readonly dialect: Dialect,
    private readonly knex: Knex,
    protected readonly run: RunStatement,
  ) {}

  async find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> {
    const statement = this.select(table, query.where ?? {});
    applyOrderAndLimit(statement, this.dialect, table, query);
    return rowsOf(await this.run(statement)).map((row) => decodeRow(table, row));
  }

  async findOne<T extends TableName>(table: T, where: Where<T>): Promise<Row<T> | undefined> {
    const [row] = await this.find(table, { where, limit: 1 });
    return row;
  }

  async count<T extends TableName>(table: T, where: Where<T>): Promise<number> {
    const statement = this.table(table).count({ rows: '*' });
    const [row] = rowsOf(await this.run(applyWhere(statement, this.dialect, table, where)));
    return decodeNumber('A count', row?.rows);
  }

  protected table(table: TableName): Knex.QueryBuilder {
    return this.knex(schemaOf(table).name);
  }

  protected select<T extends TableName>(table: T, where: Where<T>): Knex.QueryBuilder {
    return applyWhere(this.table(table).select([...schemaOf(table).columns.keys()]), this.dialect, table, where);
  }
}
