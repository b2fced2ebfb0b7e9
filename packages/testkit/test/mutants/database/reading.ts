import {
  AdapterError,
  type DatabaseReader,
  type DatabaseTransaction,
  type NewRow,
  type Query,
  type Row,
  type TableName,
  type Where,
} from '@user-workspaces/contract';
import type { DatabaseWorld } from '@user-workspaces/testkit';
import { altered } from '../altered.js';
import type { Mutant } from '../mutants.js';
import { inTransactions, opening } from './opening.js';

type AnyRow = Readonly<Record<string, unknown>>;

/** Changes each query outside of transactions. */
const asking = (change: <T extends TableName>(query: Query<T>) => Query<T>) =>
  opening((database) => ({ find: (table, query) => database.find(table, change(query)) }));

/** Asks for rows without the conditions that `isTaken` names, and applies those by `matches`. */
const matching = (
  isTaken: (condition: unknown, column: string) => boolean,
  matches: (value: unknown, condition: unknown) => boolean,
) =>
  opening((database) => ({
    async find(table, query) {
      const conditions = Object.entries(query.where ?? {});
      const taken = conditions.filter(([column, condition]) => isTaken(condition, column));
      if (taken.length === 0) return database.find(table, query);
      const where: object = Object.fromEntries(conditions.filter((condition) => !taken.includes(condition)));
      const rows = await database.find(table, { ...query, where });
      return rows.filter((row) => taken.every(([column, condition]) => matches(Reflect.get(row, column), condition)));
    },
  }));

/** Changes each row that is read, in transactions and outside. */
function reading(change: (row: AnyRow) => AnyRow) {
  const changed = <T extends TableName>(row: Row<T>): Row<T> => Object.assign({}, row, change({ ...row }));
  const of = (reader: DatabaseReader) => ({
    find: async <T extends TableName>(table: T, query: Query<T>) => (await reader.find(table, query)).map(changed),
    findOne: async <T extends TableName>(table: T, where: Where<T>) => {
      const row = await reader.findOne(table, where);
      return row && changed(row);
    },
  });
  return opening((database) => ({
    ...of(database),
    transaction: (work, signal) =>
      database.transaction((own) => work(altered<DatabaseTransaction>(own, of(own))), signal),
  }));
}

/** Changes each row before it is stored. */
const storing = (change: (row: AnyRow) => AnyRow) =>
  inTransactions((own) => ({
    insert: <T extends TableName>(table: T, row: NewRow<T>) =>
      own.insert(table, Object.assign({}, row, change({ ...row }))),
  }));

const has = (condition: unknown, operator: string): boolean =>
  typeof condition === 'object' && condition !== null && operator in condition;
const operand = (condition: unknown, operator: string): unknown => Reflect.get(Object(condition), operator);

/** What is read wrongly, or comes back as something else than was stored. */
export const readingMutants: readonly Mutant<DatabaseWorld>[] = [
  {
    fault: 'reads what is not committed',
    open: opening((database) => {
      let open: DatabaseReader | undefined;
      return {
        transaction: (work, signal) =>
          database.transaction(async (own) => {
            open = own;
            try {
              return await work(own);
            } finally {
              open = undefined;
            }
          }, signal),
        find: (table, query) => (open ?? database).find(table, query),
        count: (table, where) => (open ?? database).count(table, where),
      };
    }),
    breaks: ['read.committed', 'read.one-statement'],
  },
  {
    fault: 'answers from a cache that only its own transactions renew',
    open: opening((database) => {
      const cache = new Map<string, Promise<unknown>>();
      return {
        findOne: <T extends TableName>(table: T, where: Where<T>) => {
          const key = JSON.stringify([table, where]);
          const answer = cache.get(key) ?? database.findOne(table, where);
          cache.set(key, answer);
          return answer as Promise<Row<T> | undefined>;
        },
        transaction: (work, signal) => database.transaction(work, signal).finally(() => cache.clear()),
      };
    }),
    breaks: ['replicas.shared'],
  },
  {
    fault: 'compares names without regard to case',
    open: matching(
      (condition, column) => column === 'name' && typeof condition === 'string',
      (value, condition) => String(value).toLowerCase() === String(condition).toLowerCase(),
    ),
    breaks: ['where.equality'],
  },
  {
    fault: 'takes % and _ in a text that is searched for as wildcards',
    open: matching(
      (condition) => has(condition, 'contains'),
      (value, condition) => likePattern(String(operand(condition, 'contains'))).test(String(value)),
    ),
    breaks: ['where.contains'],
  },
  {
    fault: 'leaves out NULL where a value must not be equal, as SQL does',
    open: matching(
      (condition) => has(condition, 'not'),
      (value, condition) => value !== null && value !== operand(condition, 'not'),
    ),
    breaks: ['where.operators'],
  },
  {
    fault: 'leaves out conditions without a value',
    open: asking(({ where, ...query }) => ({
      ...query,
      where: Object.assign(
        {},
        ...Object.entries(where ?? {}).flatMap(([column, condition]) =>
          condition === undefined ? [] : [{ [column]: condition }],
        ),
      ),
    })),
    breaks: ['where.unknown-refused'],
  },
  {
    fault: 'gives the newest rows first when no order is asked for',
    open: asking((query) => (query.orderBy ? query : Object.assign({}, query, { orderBy: [['id', 'desc']] }))),
    breaks: [
      'query.limit',
      'query.order',
      'read.committed',
      'remove.where-required',
      'transaction.nothing',
      'update.count',
      'update.where-required',
      'where.equality',
      'where.null',
      'where.operators',
    ],
  },
  {
    fault: 'looks at the first of several conditions alone',
    open: asking(({ where, ...query }) => {
      const first: object = Object.fromEntries(Object.entries(where ?? {}).slice(0, 1));
      return { ...query, where: first };
    }),
    breaks: ['where.all'],
  },
  {
    fault: 'counts the whole table in a transaction',
    open: inTransactions((own) => ({ count: (table) => own.count(table, {}) })),
    breaks: ['query.count'],
  },
  {
    fault: 'reads in a transaction what was there before it',
    open: opening((database) => ({
      transaction: (work, signal) =>
        database.transaction(
          (own) => work(altered(own, { findOne: (table, where) => database.findOne(table, where) })),
          signal,
        ),
    })),
    breaks: ['insert.row', 'transaction.own-writes'],
  },
  {
    fault: 'locks another row where there is none',
    open: inTransactions((own) => ({
      lock: async (table, id) => (await own.lock(table, id)) ?? (await own.findOne(table, {})),
    })),
    breaks: ['lock.row'],
  },
  {
    fault: 'takes a limit of 0 for none',
    open: asking(({ limit, ...query }) => (limit ? { ...query, limit } : query)),
    breaks: ['query.limit'],
  },
  {
    fault: 'leaves null out of JSON',
    open: reading((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => {
          if (typeof value !== 'object' || value === null || Array.isArray(value)) return [name, value];
          return [name, Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))];
        }),
      ),
    ),
    breaks: ['values.json'],
  },
  {
    fault: 'keeps numbers with single precision',
    open: storing((row) => (typeof row.core_hours === 'number' ? { core_hours: Math.fround(row.core_hours) } : {})),
    breaks: ['values.numbers'],
  },
  {
    fault: 'leaves a column out that may be NULL',
    open: storing((row) => ('queue_reason' in row ? { queue_reason: null } : {})),
    breaks: ['tables.columns'],
  },
  {
    fault: 'rounds fractions where a whole number must be',
    open: storing((row) =>
      typeof row.created_at_ms === 'number' ? { created_at_ms: Math.trunc(row.created_at_ms) } : {},
    ),
    breaks: ['values.refused'],
  },
  {
    fault: 'cuts names that are too long',
    open: storing((row) =>
      typeof row.username === 'string' ? { username: [...row.username].slice(0, 255).join('') } : {},
    ),
    breaks: ['values.names'],
  },
  {
    fault: 'cuts blanks at the end of a text',
    open: storing((row) => (typeof row.description === 'string' ? { description: row.description.trimEnd() } : {})),
    breaks: ['values.text'],
  },
  {
    fault: 'answers with no rows when it cannot be reached',
    open: opening((database) => ({
      find: (table, query) =>
        database.find(table, query).catch((error: unknown) => {
          if (AdapterError.is(error, 'unavailable')) return [];
          throw error;
        }),
    })),
    breaks: ['closed.unavailable'],
  },
  {
    fault: 'says that it is connected, whatever happens',
    open: opening((database) => ({
      check: async (signal) => ({ ...(await database.check(signal)), connected: true }),
    })),
    breaks: ['closed.unavailable'],
  },
  {
    fault: 'does not hear that nobody waits for its migration any more',
    open: opening((database) => ({ migrate: () => database.migrate() })),
    breaks: ['check.signal'],
  },
];

/** As SQL's LIKE, with regard to case. */
function likePattern(text: string): RegExp {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replaceAll('%', '.*').replaceAll('_', '.'), 's');
}
