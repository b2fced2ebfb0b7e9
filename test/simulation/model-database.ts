// A model of a database: what a real one may do between two processes, in an order that a seed decides.
import {
  AdapterError,
  type Database,
  type DatabaseTransaction,
  type NewRow,
  type Query,
  type Row,
  type ScalarColumn,
  type TableName,
  type Where,
} from '@user-workspaces/contract';
import { arranged, emptyRows, matches, type Rows, uniqueKeysOf, withChanges } from './rows.js';
import type { Actor, World } from './world.js';

/** One row that a commit changed; `undefined` where it was not there. */
export type Change = {
  [T in TableName]: { readonly table: T; readonly before: Row<T> | undefined; readonly after: Row<T> | undefined };
}[TableName];

/** The database rolls the transaction back; it is run again. */
class RolledBack extends Error {}

const lockPatienceMs = 10_000;
const idlePatienceMs = 60_000;
const retryBudgetMs = 30_000;

interface OpenTransaction {
  readonly id: number;
  readonly actor: Actor;
  readonly written: { [T in TableName]?: Map<number, Row<T> | undefined> };
  readonly locks: Set<string>;
  waitsFor: OpenTransaction | undefined;
  end: 'committed' | 'rolled back' | undefined;
  usedAtMs: number;
  /** Called when it has ended. */
  stopWatching: () => void;
}

/** The answer of a statement that must wait for another transaction. */
class Blocked {
  constructor(readonly by: OpenTransaction) {}
}

/**
 * Rows with transactions, row locks and the isolation "read committed": each statement sees what was committed before it, and a conditional
 * update waits for, and then sees, the other one. That is the weakest isolation that the contract allows.
 */
export class ModelDatabase {
  readonly rows: Rows = emptyRows();
  readonly #world: World;
  readonly #committed: (changes: readonly Change[]) => void;
  readonly #locks = new Map<string, OpenTransaction>();
  readonly #waiting = new Map<OpenTransaction, (() => void)[]>();
  /** Who has each unique key among the committed rows. */
  readonly #uniqueKeys = new Map<string, number>();
  readonly #open = new Set<OpenTransaction>();
  readonly #lastIds = new Map<TableName, number>();
  #lastTransaction = 0;
  #awayUntilMs = 0;

  /** @param committed Called at each commit, before anybody can see it. */
  constructor(world: World, committed: (changes: readonly Change[]) => void) {
    this.#world = world;
    this.#committed = committed;
  }

  /** The database as one process reaches it. */
  connect(actor: Actor): Database {
    const read = <R>(label: string, statement: () => R): Promise<R> => this.#send(actor, label, statement);
    return {
      capabilities: { replicas: true },
      ...(!this.#world.isOneMachine && { nowMs: () => read('select the time', () => this.#world.nowMs) }),
      find: (table, query) => read(`select ${table}`, () => this.#find(undefined, table, query)),
      findOne: (table, where) => read(`select one of ${table}`, () => this.#find(undefined, table, { where })[0]),
      count: (table, where) => read(`count ${table}`, () => this.#find(undefined, table, { where }).length),
      migrate: async () => undefined,
      transaction: (work, signal) => this.#transact(actor, work, signal),
      check: async () => ({ connected: true, message: 'The model answers.' }),
      close: async () => undefined,
    };
  }

  /** A process has died: its connections break after a while, and what it had begun is rolled back. */
  disconnect(actor: Actor): void {
    for (const transaction of this.#open) {
      if (transaction.actor !== actor) continue;
      const delayMs = this.#world.random.below(5_000);
      this.#world.after(delayMs, this.#world.outside, `connection of ${actor.name} breaks`, () =>
        this.#end(transaction, 'rolled back'),
      );
    }
  }

  async #transact<R>(
    actor: Actor,
    work: (transaction: DatabaseTransaction) => Promise<R>,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const deadlineMs = this.#world.nowMs + retryBudgetMs;
    for (;;) {
      signal?.throwIfAborted();
      const transaction = this.#begin(actor);
      try {
        let failure: unknown;
        const result = await work(this.#statements(transaction, (error) => (failure ??= error)));
        if (failure) throw failure;
        signal?.throwIfAborted();
        await this.#commit(transaction);
        return result;
      } catch (error) {
        this.#end(transaction, 'rolled back');
        if (!(error instanceof RolledBack)) throw error;
        if (this.#world.nowMs > deadlineMs) throw unavailable('The database was too busy.');
      }
      await this.#world.pause(this.#world.random.below(50), actor, 'tries the transaction again');
    }
  }

  #begin(actor: Actor): OpenTransaction {
    const transaction: OpenTransaction = {
      id: ++this.#lastTransaction,
      actor,
      written: {},
      locks: new Set(),
      waitsFor: undefined,
      end: undefined,
      usedAtMs: this.#world.nowMs,
      stopWatching: () => undefined,
    };
    this.#open.add(transaction);
    this.#watchIdle(transaction);
    return transaction;
  }

  /** A process that sleeps must not hold its locks for ever. */
  #watchIdle(transaction: OpenTransaction): void {
    const delayMs = transaction.usedAtMs + idlePatienceMs - this.#world.nowMs;
    const task = this.#world.after(delayMs, this.#world.outside, 'an idle transaction is looked for', () => {
      if (this.#world.nowMs - transaction.usedAtMs >= idlePatienceMs) this.#end(transaction, 'rolled back');
      else this.#watchIdle(transaction);
    });
    transaction.stopWatching = () => this.#world.cancel(task);
  }

  #statements(own: OpenTransaction, failed: (error: unknown) => void): DatabaseTransaction {
    const run = async <R>(label: string, statement: () => R | Blocked): Promise<R> => {
      try {
        return await this.#send(own.actor, `${label} in ${own.id}`, statement, own);
      } catch (error) {
        if (!AdapterError.is(error, 'conflict')) failed(error);
        throw error;
      }
    };
    return {
      find: (table, query) => run(`select ${table}`, () => this.#find(own, table, query)),
      findOne: (table, where) => run(`select one of ${table}`, () => this.#find(own, table, { where })[0]),
      count: (table, where) => run(`count ${table}`, () => this.#find(own, table, { where }).length),
      lock: (table, id) => run(`lock ${table} ${id}`, () => this.#lock(own, table, id)),
      insert: (table, row) => run(`insert ${table}`, () => this.#insert(own, table, row)),
      update: (table, where, changes) =>
        run(`update ${table}`, () => this.#change(own, table, where, (row) => withChanges(row, changes))),
      increment: (table, id, column, by) =>
        run(`increment ${table} ${id}`, () => this.#increment(own, table, id, column, by)),
      remove: (table, where) => run(`remove ${table}`, () => this.#change(own, table, where, () => undefined)),
      passOverIds: (table, upTo) => run(`pass over ids of ${table}`, () => this.#passOverIds(table, upTo)),
    };
  }

  /** A statement on its way to the database and back. */
  #send<R>(actor: Actor, label: string, statement: () => R | Blocked, own?: OpenTransaction): Promise<R> {
    const { faults, random, outside } = this.#world;
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const answer = (deliver: () => void): void => {
        this.#world.after(random.below(3), actor, `hears of ${label}`, deliver);
      };
      const execute = (): void => {
        if (isGivenUp) return;
        if (own) own.usedAtMs = this.#world.nowMs;
        if (own?.end) {
          answer(() => reject(unavailable('The connection was closed by the database.')));
          return;
        }
        if (own && faults.strikes('rolled-back', 0.002)) {
          rollBack();
          return;
        }
        if (this.#world.nowMs < this.#awayUntilMs || faults.strikes('database-away', 0.0015)) {
          if (this.#world.nowMs >= this.#awayUntilMs) this.#awayUntilMs = this.#world.nowMs + random.below(2_000);
          answer(() => reject(unavailable('The database cannot be reached.')));
          return;
        }
        let value: R | Blocked;
        try {
          value = statement();
        } catch (error) {
          answer(() => reject(error));
          return;
        }
        if (value instanceof Blocked && own) {
          wait(own, value.by);
          return;
        }
        if (value instanceof Blocked) throw new Error('A statement outside a transaction waits for nobody.');
        const result = value;
        answer(() => resolve(result));
      };
      const rollBack = (): void => {
        if (own) this.#end(own, 'rolled back');
        answer(() => reject(new RolledBack()));
      };
      const wait = (waiting: OpenTransaction, holder: OpenTransaction): void => {
        for (let next: OpenTransaction | undefined = holder; next; next = next.waitsFor) {
          if (next === waiting) {
            rollBack();
            return;
          }
        }
        waiting.waitsFor = holder;
        const limit = this.#world.after(lockPatienceMs, outside, `${label} has waited too long`, () => {
          isGivenUp = true;
          waiting.waitsFor = undefined;
          rollBack();
        });
        const goOn = (): void => {
          this.#world.cancel(limit);
          waiting.waitsFor = undefined;
          if (!isGivenUp) this.#world.after(0, outside, `${label} goes on`, execute);
        };
        this.#waiting.set(holder, [...(this.#waiting.get(holder) ?? []), goOn]);
      };
      this.#world.after(random.below(3), outside, label, execute);
    });
  }

  async #commit(transaction: OpenTransaction): Promise<void> {
    const isBroken = this.#world.faults.strikes('unknown-commit', 0.01);
    const isDone = this.#world.random.next() < 0.5;
    const commit = (): void => {
      if (transaction.end) throw unavailable('The connection was closed by the database.');
      if (!isBroken || isDone) this.#end(transaction, 'committed');
      else this.#end(transaction, 'rolled back');
      if (isBroken) {
        throw new AdapterError('unavailable', 'The database was lost while it stored the change.', {
          details: { outcome: 'unknown' },
        });
      }
    };
    await this.#send(transaction.actor, `commit ${transaction.id}`, commit, transaction);
  }

  #end(transaction: OpenTransaction, end: 'committed' | 'rolled back'): void {
    if (transaction.end) return;
    transaction.end = end;
    transaction.stopWatching();
    this.#open.delete(transaction);
    if (end === 'committed') this.#apply(transaction);
    for (const lock of transaction.locks) this.#locks.delete(lock);
    const waiting = this.#waiting.get(transaction) ?? [];
    this.#waiting.delete(transaction);
    for (const goOn of waiting) goOn();
  }

  #apply(transaction: OpenTransaction): void {
    const changes: Change[] = [];
    const { written } = transaction;
    if (written.users) changes.push(...this.#applyTable('users', written.users));
    if (written.workspaces) changes.push(...this.#applyTable('workspaces', written.workspaces));
    if (written.jobs) changes.push(...this.#applyTable('jobs', written.jobs));
    if (written.shares) changes.push(...this.#applyTable('shares', written.shares));
    if (written.events) changes.push(...this.#applyTable('events', written.events));
    if (written.idempotency_keys) changes.push(...this.#applyTable('idempotency_keys', written.idempotency_keys));
    if (written.uploads) changes.push(...this.#applyTable('uploads', written.uploads));
    if (written.audit_entries) changes.push(...this.#applyTable('audit_entries', written.audit_entries));
    if (changes.length > 0) this.#committed(changes);
  }

  #applyTable<T extends TableName>(table: T, written: ReadonlyMap<number, Row<T> | undefined>) {
    const rows: Map<number, Row<T>> = this.rows[table];
    return [...written].map(([id, after]) => {
      const before = rows.get(id);
      if (before) for (const { key } of uniqueKeysOf(table, before)) this.#uniqueKeys.delete(key);
      if (after) {
        rows.set(id, after);
        for (const { key } of uniqueKeysOf(table, after)) this.#uniqueKeys.set(key, id);
      } else rows.delete(id);
      return { table, before, after };
    });
  }

  /** The rows as one transaction sees them. */
  #seen<T extends TableName>(own: OpenTransaction | undefined, table: T, id: number): Row<T> | undefined {
    const written: ReadonlyMap<number, Row<T> | undefined> | undefined = own?.written[table];
    if (written?.has(id)) return written.get(id);
    const rows: ReadonlyMap<number, Row<T>> = this.rows[table];
    return rows.get(id);
  }

  #find<T extends TableName>(own: OpenTransaction | undefined, table: T, query: Query<T>): Row<T>[] {
    const found = this.#candidates(own, table, query.where).map((row) => ({ ...row }));
    return arranged<T>(found, query);
  }

  #candidates<T extends TableName>(own: OpenTransaction | undefined, table: T, where: Where<T> | undefined): Row<T>[] {
    const rows: ReadonlyMap<number, Row<T>> = this.rows[table];
    const id: unknown = where && Reflect.get(where, 'id');
    if (typeof id === 'number') {
      const row = this.#seen(own, table, id);
      return row && matches(row, where) ? [row] : [];
    }
    const written: ReadonlyMap<number, Row<T> | undefined> | undefined = own?.written[table];
    const found: Row<T>[] = [];
    for (const [rowId, row] of rows) if (!written?.has(rowId) && matches(row, where)) found.push(row);
    for (const row of written?.values() ?? []) if (row && matches(row, where)) found.push(row);
    return found;
  }

  #take(own: OpenTransaction, lock: string): Blocked | undefined {
    const holder = this.#locks.get(lock);
    if (holder && holder !== own) return new Blocked(holder);
    this.#locks.set(lock, own);
    own.locks.add(lock);
    return undefined;
  }

  #lock<T extends TableName>(own: OpenTransaction, table: T, id: number): Row<T> | undefined | Blocked {
    if (!this.#seen(own, table, id)) return undefined;
    const blocked = this.#take(own, `${table} ${id}`);
    if (blocked) return blocked;
    const row = this.#seen(own, table, id);
    return row && { ...row };
  }

  #insert<T extends TableName>(own: OpenTransaction, table: T, row: NewRow<T>): Row<T> | Blocked {
    // The row is that of the table, without its id, which the type of a generic table cannot say.
    const inserted = { ...row, id: (this.#lastIds.get(table) ?? 0) + 1 } as unknown as Row<T>;
    for (const { field, key } of uniqueKeysOf(table, inserted)) {
      const blocked = this.#take(own, key);
      if (blocked) return blocked;
      const holder = this.#uniqueKeys.get(key);
      const written: ReadonlyMap<number, Row<T> | undefined> | undefined = own.written[table];
      const isTaken =
        (holder !== undefined && this.#seen(own, table, holder) !== undefined) ||
        [...(written?.values() ?? [])].some(
          (other) => other && uniqueKeysOf(table, other).some((its) => its.key === key),
        );
      if (isTaken) throw new AdapterError('conflict', `${field} exists already.`, { field });
    }
    this.#lastIds.set(table, inserted.id);
    this.#write(own, table, inserted.id, inserted);
    return { ...inserted };
  }

  #change<T extends TableName>(
    own: OpenTransaction,
    table: T,
    where: Where<T>,
    change: (row: Row<T>) => Row<T> | undefined,
  ): number | Blocked {
    if (Object.keys(where).length === 0) throw new TypeError('An empty condition is refused.');
    const found = this.#candidates(own, table, where).map((row) => row.id);
    for (const id of found) {
      const blocked = this.#take(own, `${table} ${id}`);
      if (blocked) return blocked;
    }
    for (const id of found) {
      const row = this.#seen(own, table, id);
      if (row) this.#write(own, table, id, change(row));
    }
    return found.length;
  }

  #increment<T extends TableName>(
    own: OpenTransaction,
    table: T,
    id: number,
    column: ScalarColumn<T>,
    by: number,
  ): number | undefined | Blocked {
    if (!this.#seen(own, table, id)) return undefined;
    const blocked = this.#take(own, `${table} ${id}`);
    if (blocked) return blocked;
    const row = this.#seen(own, table, id);
    if (!row) return undefined;
    const value = Number(Reflect.get(row, column)) + by;
    this.#write(own, table, id, Object.assign({ ...row }, { [column]: value }));
    return value;
  }

  /** As ids that were given, what is passed over stays so, whatever becomes of the transaction. */
  #passOverIds(table: TableName, upTo: number): boolean {
    const isNew = upTo > (this.#lastIds.get(table) ?? 0);
    if (isNew) this.#lastIds.set(table, upTo);
    return isNew;
  }

  #write<T extends TableName>(own: OpenTransaction, table: T, id: number, row: Row<T> | undefined): void {
    const written: Map<number, Row<T> | undefined> = own.written[table] ?? new Map();
    written.set(id, row);
    Object.assign(own.written, { [table]: written });
  }
}

function unavailable(message: string): AdapterError {
  return new AdapterError('unavailable', message);
}
