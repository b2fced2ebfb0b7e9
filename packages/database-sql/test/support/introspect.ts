import knex, { type Knex } from 'knex';
import { LibsqlClient } from '../../src/dialects/libsql-client.js';
import type { SqlDatabaseOptions } from '../../src/index.js';

/** A table as the database itself describes it, in the words of the contract where they can be told apart. */
export interface SeenTable {
  readonly columns: Readonly<Record<string, { nullable: boolean; type: string }>>;
  /** `unique a,b` or `index a,b`, sorted. */
  readonly keys: readonly string[];
}

export async function readSchema(
  options: SqlDatabaseOptions,
  tables: readonly string[],
): Promise<Map<string, SeenTable>> {
  const db = connect(options);
  try {
    const seen = new Map<string, SeenTable>();
    for (const table of tables) {
      const columns: Record<string, { nullable: boolean; type: string }> = {};
      for (const row of await rows(db, COLUMNS[options.client], [table])) {
        columns[String(row.name)] = {
          nullable: Boolean(Number(row.nullable)),
          type: typeOf(String(row.type).toLowerCase()),
        };
      }
      const keys = (await rows(db, KEYS[options.client], [table])).map(
        (row) => `${Number(row.is_unique) === 1 ? 'unique' : 'index'} ${String(row.names)}`,
      );
      seen.set(table, { columns, keys: keys.sort() });
    }
    return seen;
  } finally {
    await db.destroy();
  }
}

export function connect(options: SqlDatabaseOptions): Knex {
  return options.client === 'sqlite'
    ? knex({ client: LibsqlClient, connection: { filename: options.file }, useNullAsDefault: true })
    : knex({ client: options.client, connection: options.connection, pool: { min: 0, max: 1 } });
}

async function rows(db: Knex, sql: string, bindings: string[]): Promise<Record<string, unknown>[]> {
  const result = await db.raw(sql, bindings);
  return Array.isArray(result) ? (Array.isArray(result[0]) ? result[0] : result) : result.rows;
}

const COLUMNS = {
  sqlite: `select name, 1 - "notnull" as nullable, type from pragma_table_info(?) where pk = 0`,
  pg: `select column_name as name, (is_nullable = 'YES')::int as nullable, data_type as type
    from information_schema.columns where table_schema = current_schema() and column_name <> 'id' and table_name = ?`,
  mysql2: `select column_name as name, is_nullable = 'YES' as nullable, column_type as type
    from information_schema.columns where table_schema = database() and column_name <> 'id' and table_name = ?`,
};

const KEYS = {
  sqlite: `select l."unique" as is_unique, (select group_concat(name) from pragma_index_info(l.name)) as names
    from pragma_index_list(?) as l`,
  pg: `select i.indisunique::int as is_unique,
      (select string_agg(a.attname, ',' order by array_position(i.indkey::int[], a.attnum::int))
       from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey)) as names
    from pg_index i where i.indrelid = ?::regclass and not i.indisprimary`,
  mysql2: `select min(non_unique) = 0 as is_unique, group_concat(column_name order by seq_in_index) as names
    from information_schema.statistics where table_schema = database() and table_name = ? and index_name <> 'PRIMARY'
    group by index_name`,
};

function typeOf(type: string): string {
  if (/^bigint/.test(type)) return 'integer';
  if (/^(?:float|double)/.test(type)) return 'number';
  if (/^(?:boolean|tinyint)/.test(type)) return 'boolean';
  if (/^(?:varchar|character varying)/.test(type)) return 'name';
  if (/^(?:text|longtext)/.test(type)) return 'text';
  return type;
}
