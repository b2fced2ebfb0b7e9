import type { DatabaseReader, Query, Row, TableName, Where } from '@user-workspaces/contract';
import { matching, sorted } from './conditions.js';
import { columnsOf, rowOf, type StoredRow, tableNames } from './rows.js';

/** What one transaction changes, and one line of the journal: rows by table and id, `null` for one that was removed, and the last id that a table has given. */
export interface Changes {
  readonly rows: Readonly<Record<string, Readonly<Record<string, StoredRow | null>>>>;
  readonly lastIds: Readonly<Record<string, number>>;
}

/** Answers questions from rows in memory. Each question looks at every row of its table. */
export abstract class Reader implements DatabaseReader {
  /** The rows of a table, in any order. */
  abstract rowsOf(table: TableName): Iterable<StoredRow>;

  async find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> {
    const fits = matching(table, query.where ?? {});
    return sorted(table, [...this.rowsOf(table)].filter(fits), query).map((row) => rowOf<T>(row));
  }

  async findOne<T extends TableName>(table: T, where: Where<T>): Promise<Row<T> | undefined> {
    const [row] = await this.find(table, { where, limit: 1 });
    return row;
  }

  async count<T extends TableName>(table: T, where: Where<T>): Promise<number> {
    return [...this.rowsOf(table)].filter(matching(table, where)).length;
  }
}

/** The rows of all tables, as transactions have left them. */
export class Tables extends Reader {
  readonly #rows = new Map<string, Map<number, StoredRow>>(tableNames.map((table) => [table, new Map()]));
  readonly #lastIds = new Map<string, number>();

  rowsOf(table: TableName): Iterable<StoredRow> {
    return this.#tableOf(table).values();
  }

  lastIdOf(table: TableName): number {
    return this.#lastIds.get(table) ?? 0;
  }

  apply({ rows, lastIds }: Changes): void {
    for (const [table, changed] of Object.entries(rows)) {
      for (const [id, row] of Object.entries(changed)) {
        if (row) this.#tableOf(table).set(Number(id), row);
        else this.#tableOf(table).delete(Number(id));
      }
    }
    for (const [table, id] of Object.entries(lastIds)) this.#lastIds.set(table, id);
  }

  /** Everything, as the changes that lead to it from nothing. */
  all(): Changes {
    return {
      rows: Object.fromEntries([...this.#rows].map(([table, rows]) => [table, Object.fromEntries(rows)])),
      lastIds: Object.fromEntries(this.#lastIds),
    };
  }

  /** Gives rows that an older version wrote the columns that have come since, NULL in each. @returns the name of a column that cannot be NULL, if there is one. */
  addMissingColumns(): string | undefined {
    for (const table of tableNames) {
      for (const [id, row] of this.#tableOf(table)) {
        const missing = columnsOf(table).filter(({ name }) => !(name in row));
        const needed = missing.find(({ isNullable }) => !isNullable);
        if (needed) return `${table}.${needed.name}`;
        const added = Object.fromEntries(missing.map(({ name }) => [name, null]));
        if (missing.length > 0) this.#tableOf(table).set(id, { ...added, ...row });
      }
    }
    return undefined;
  }

  #tableOf(table: string): Map<number, StoredRow> {
    const rows = this.#rows.get(table);
    if (!rows) throw new TypeError(`There is no table ${JSON.stringify(table)}.`);
    return rows;
  }
}
