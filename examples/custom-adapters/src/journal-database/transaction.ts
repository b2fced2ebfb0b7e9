import {
  AdapterError,
  type DatabaseTransaction,
  type NewRow,
  type Row,
  type ScalarColumn,
  type TableName,
  tableDefinitions,
  type Where,
} from '@user-workspaces/contract';
import { matchingSome } from './conditions.js';
import { checkedChanges, checkedRow, checkedValue, columnOf, rowOf, type StoredRow } from './rows.js';
import { type Changes, Reader, type Tables } from './tables.js';

/** Rows as one transaction sees them: those that are committed, with its own changes over them. One transaction runs at a time, so that nothing else changes. */
export class JournalTransaction extends Reader implements DatabaseTransaction {
  readonly #tables: Tables;
  readonly #changed = new Map<TableName, Map<number, StoredRow | null>>();
  readonly #lastIds = new Map<TableName, number>();
  #hasEnded = false;

  constructor(tables: Tables) {
    super();
    this.#tables = tables;
  }

  /** Ends its use. @returns what it has changed; `undefined` when that is nothing. */
  end(): Changes | undefined {
    this.#hasEnded = true;
    if (this.#changed.size === 0 && this.#lastIds.size === 0) return undefined;
    return {
      rows: Object.fromEntries([...this.#changed].map(([table, rows]) => [table, Object.fromEntries(rows)])),
      lastIds: Object.fromEntries(this.#lastIds),
    };
  }

  *rowsOf(table: TableName): Iterable<StoredRow> {
    this.#refuseIfEnded();
    const changed = this.#changed.get(table);
    for (const row of this.#tables.rowsOf(table)) if (!changed?.has(row.id)) yield row;
    for (const row of changed?.values() ?? []) if (row) yield row;
  }

  async lock<T extends TableName>(table: T, id: number): Promise<Row<T> | undefined> {
    const row = this.#rowAt(table, id);
    return row && rowOf<T>(row);
  }

  async insert<T extends TableName>(table: T, row: NewRow<T>): Promise<Row<T>> {
    const id = this.#lastIdOf(table) + 1;
    const stored = checkedRow(table, id, row);
    this.#put(table, [stored]);
    this.#lastIds.set(table, id);
    return rowOf<T>(stored);
  }

  async update<T extends TableName>(table: T, where: Where<T>, changes: Partial<NewRow<T>>): Promise<number> {
    const checked = checkedChanges(table, changes);
    const rows = [...this.rowsOf(table)].filter(matchingSome(table, where));
    this.#put(
      table,
      rows.map((row) => ({ ...row, ...checked, id: row.id })),
    );
    return rows.length;
  }

  async increment<T extends TableName>(
    table: T,
    id: number,
    column: ScalarColumn<T>,
    by: number,
  ): Promise<number | undefined> {
    const { type } = columnOf(table, column);
    if (type !== 'integer' && type !== 'number') throw new TypeError(`${table}.${column} cannot be added to.`);
    const row = this.#rowAt(table, id);
    if (!row) return undefined;
    const value = Number(row[column]) + by;
    this.#put(table, [{ ...row, [column]: checkedValue(columnOf(table, column), value), id }]);
    return value;
  }

  async remove<T extends TableName>(table: T, where: Where<T>): Promise<number> {
    const rows = [...this.rowsOf(table)].filter(matchingSome(table, where));
    for (const { id } of rows) this.#changedOf(table).set(id, null);
    return rows.length;
  }

  async passOverIds(table: TableName, upTo: number): Promise<boolean> {
    this.#refuseIfEnded();
    if (!Number.isSafeInteger(upTo)) throw new TypeError(`${upTo} is no id.`);
    const isNew = upTo > this.#lastIdOf(table);
    if (isNew) this.#lastIds.set(table, upTo);
    return isNew;
  }

  #refuseIfEnded(): void {
    if (this.#hasEnded) throw new TypeError('This transaction has ended; await its calls inside `work`.');
  }

  #lastIdOf(table: TableName): number {
    return this.#lastIds.get(table) ?? this.#tables.lastIdOf(table);
  }

  #rowAt(table: TableName, id: number): StoredRow | undefined {
    for (const row of this.rowsOf(table)) if (row.id === id) return row;
    return undefined;
  }

  /** Puts all rows in place, or none. @throws AdapterError `conflict` when a unique key would be there twice. */
  #put(table: TableName, rows: readonly StoredRow[]): void {
    const replaced = new Set(rows.map(({ id }) => id));
    const others = [...this.rowsOf(table)].filter(({ id }) => !replaced.has(id));
    const { unique }: { readonly unique: readonly (readonly string[])[] } = tableDefinitions[table];
    for (const key of unique) {
      const keyOf = (row: StoredRow): string => JSON.stringify(key.map((column) => row[column]));
      const taken = new Set(others.map(keyOf));
      for (const row of rows) {
        if (taken.has(keyOf(row))) {
          const field = key.join(',');
          throw new AdapterError('conflict', `A row with the same ${field} exists already.`, { field });
        }
        taken.add(keyOf(row));
      }
    }
    for (const row of rows) this.#changedOf(table).set(row.id, row);
  }

  #changedOf(table: TableName): Map<number, StoredRow | null> {
    const changed = this.#changed.get(table) ?? new Map<number, StoredRow | null>();
    this.#changed.set(table, changed);
    return changed;
  }
}
