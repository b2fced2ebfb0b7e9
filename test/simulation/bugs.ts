import type { Database, DatabaseReader, DatabaseTransaction, Resource, TableName } from '@user-workspaces/contract';

/** Known bugs that are put back, to see that they are found: each changes what the shipped code is given, never the shipped code. */
export const bugs = [
  /** A lease without fencing: whoever slept over its end writes all the same, over what others wrote meanwhile. */
  'no-fence',
  /** That a launch begins is stored only with the launch's answer. */
  'launch-before-key',
  /** A resource that does not know is taken for one that is sure that there is nothing. */
  'unknown-is-gone',
  /** An unused session is stopped by what was read before it was asked, without a look at what others have heard meanwhile. */
  'use-unseen',
] as const;

export type Bug = (typeof bugs)[number];

type Update = DatabaseTransaction['update'];

/** The database as the code with the bug would use it. */
export function databaseWith(bug: Bug | undefined, database: Database): Database {
  switch (bug) {
    case 'no-fence': {
      const held = new Set<string>();
      return {
        ...database,
        ...unfencedReads(database),
        transaction: (work, signal) => database.transaction((rows) => work(unfenced(rows, held)), signal),
      };
    }
    case 'launch-before-key': {
      const held = new Map<unknown, object>();
      const update = (rows: DatabaseTransaction): Update => holdingLaunches(rows, held);
      return {
        ...database,
        transaction: (work, signal) => database.transaction((rows) => work({ ...rows, update: update(rows) }), signal),
      };
    }
    case 'use-unseen':
      return usesUnseen(database);
    default:
      return database;
  }
}

/** The resource as the code with the bug would understand it. */
export function resourceWith(bug: Bug | undefined, resource: Resource): Resource {
  if (bug !== 'unknown-is-gone') return resource;
  return {
    ...resource,
    async observe(launches, signal) {
      const observed = await resource.observe(launches, signal);
      return new Map(
        [...observed].map(([key, seen]) => [key, seen.kind === 'unknown' ? { kind: 'absent' } : seen] as const),
      );
    },
  };
}

/** Whoever locks a job's row sees the last use of its session as this process read it some looks ago. */
function usesUnseen(database: Database): Database {
  const looks = new Map<number, (number | null)[]>();
  return {
    ...database,
    find: async (table, query) => {
      const rows = await database.find(table, query);
      for (const row of rows) {
        if ('last_activity_at_ms' in row) {
          looks.set(row.id, [...(looks.get(row.id) ?? []).slice(-3), row.last_activity_at_ms]);
        }
      }
      return rows;
    },
    transaction: (work, signal) =>
      database.transaction((rows) => {
        const lock: DatabaseTransaction['lock'] = async (table, id) => {
          const row = await rows.lock(table, id);
          const [last_activity_at_ms] = looks.get(id) ?? [];
          const isKnown = row && 'last_activity_at_ms' in row && last_activity_at_ms !== undefined;
          return isKnown ? Object.assign({}, row, { last_activity_at_ms }) : row;
        };
        return work({ ...rows, lock });
      }, signal),
  };
}

/** A fence that has come to its end: one more is the same number, so every holder of a lease has the same. */
const endOfFence = 2 ** 53;

function unfencedReads(reader: DatabaseReader): DatabaseReader {
  return {
    ...reader,
    find: async (table, query) => (await reader.find(table, query)).map(atEndOfFence),
    findOne: async (table, where) => {
      const row = await reader.findOne(table, where);
      return row && atEndOfFence(row);
    },
  };
}

/** @param held The rows whose lease this process took and did not free: it writes them as if nobody else did. */
function unfenced(rows: DatabaseTransaction, held: Set<string>): DatabaseTransaction {
  const note = (table: TableName, id: unknown, values: object): void => {
    if (!('lease_owner' in values)) return;
    if (values.lease_owner === null) held.delete(`${table} ${id}`);
    else held.add(`${table} ${id}`);
  };
  const blind = <W extends object>(table: TableName, where: W): W => {
    const isHeld = held.has(`${table} ${Reflect.get(where, 'id')}`);
    return without(where, isHeld ? ['lease_fence', 'version'] : ['lease_fence']);
  };
  return {
    ...rows,
    ...unfencedReads(rows),
    lock: async (table, id) => {
      const row = await rows.lock(table, id);
      return row && atEndOfFence(row);
    },
    insert: async (table, row) => {
      const inserted = await rows.insert(table, row);
      note(table, inserted.id, row);
      return atEndOfFence(inserted);
    },
    update: async (table, where, changes) => {
      const count = await rows.update(table, blind(table, where), without(changes, ['lease_fence']));
      if (count > 0) note(table, Reflect.get(where, 'id'), changes);
      return count;
    },
    remove: (table, where) => rows.remove(table, blind(table, where)),
  };
}

function atEndOfFence<T extends object>(row: T): T {
  return 'lease_fence' in row ? Object.assign({}, row, { lease_fence: endOfFence }) : row;
}

function without<T extends object>(values: T, names: readonly string[]): T {
  const rest = { ...values };
  for (const name of names) Reflect.deleteProperty(rest, name);
  return rest;
}

function holdingLaunches(rows: DatabaseTransaction, held: Map<unknown, object>): Update {
  return (table, where, changes) => {
    const id: unknown = Reflect.get(where, 'id');
    if (table !== 'jobs') return rows.update(table, where, changes);
    if (Reflect.get(changes, 'launch_begun') === true) {
      held.set(id, changes);
      return rows.count(table, where);
    }
    const both = Object.assign({}, held.get(id), changes);
    held.delete(id);
    return rows.update(table, where, both);
  };
}
