import type { Knex } from 'knex';
import type { SchemaFlavour } from '../dialect.js';
import { uniqueKeyName } from '../schema.js';

type Kind = 'integer' | 'number' | 'boolean' | 'name' | 'text' | 'json';

/** A table as a migration writes it down; `?` means that NULL is allowed. Every table has an `id` that is never given twice. */
export interface TableSketch {
  readonly columns: Readonly<Record<string, Kind | `${Kind}?`>>;
  readonly unique: readonly (readonly string[])[];
  readonly indexes: readonly (readonly string[])[];
}

export function createTables(
  schema: Knex.SchemaBuilder,
  flavour: SchemaFlavour,
  tables: Readonly<Record<string, TableSketch>>,
): Knex.SchemaBuilder {
  return Object.entries(tables).reduce(
    (builder, [name, sketch]) =>
      builder.createTable(name, (table) => {
        flavour.table(table);
        table.bigIncrements('id');
        for (const [column, kind] of Object.entries(sketch.columns)) {
          const made = makeColumn(table, flavour, column, kind.replace('?', ''));
          if (kind.endsWith('?')) made.nullable();
          else made.notNullable();
        }
        for (const key of sketch.unique) table.unique(key, { indexName: uniqueKeyName(name, key) });
        for (const key of sketch.indexes) table.index(key, `${name}_${key.join('_')}_index`);
      }),
    schema,
  );
}

/** Columns for a table that may hold rows: each is nullable, or has the value that the present rows get. */
export function addColumns(
  schema: Knex.SchemaBuilder,
  flavour: SchemaFlavour,
  table: string,
  columns: Readonly<Record<string, `${Kind}?` | { readonly kind: Kind; readonly present: string | number | boolean }>>,
): Knex.SchemaBuilder {
  return schema.alterTable(table, (builder) => {
    for (const [column, added] of Object.entries(columns)) {
      if (typeof added === 'string') makeColumn(builder, flavour, column, added.replace('?', '')).nullable();
      else makeColumn(builder, flavour, column, added.kind).notNullable().defaultTo(added.present);
    }
  });
}

function makeColumn(
  table: Knex.CreateTableBuilder,
  flavour: SchemaFlavour,
  column: string,
  kind: string,
): Knex.ColumnBuilder {
  switch (kind) {
    case 'integer':
      return table.bigInteger(column);
    case 'number':
      return table.double(column);
    case 'boolean':
      return table.boolean(column);
    case 'name':
      return flavour.text(table, column, 'name');
    case 'text':
    case 'json':
      return flavour.text(table, column, 'text');
    default:
      throw new TypeError(`A migration knows no column type ${kind}.`);
  }
}
