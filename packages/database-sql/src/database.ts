import {
  AdapterError,
  type Database,
  type DatabaseTransaction,
  type Health,
  type Query,
  type Row,
  type TableName,
  type Where,
} from '@user-workspaces/contract';
import type { Knex } from 'knex';
import { decodeNumber } from './codec.js';
import type { Dialect } from './dialect.js';
import { forOperator, Transient } from './failure.js';
import { migrate, type TableVersion, tableVersion } from './migrate.js';
import { Reader } from './reader.js';
import { orAborted, withRetries } from './retry.js';
import { rowsOf, Session, translated } from './session.js';
import { SqlTransaction } from './transaction.js';

const TRANSACTION_BUDGET_MS = 30_000;
const MIGRATION_BUDGET_MS = 60_000;
const CHECK_LIMIT_MS = 5_000;

/** The contract's database over any of the dialects. */
export class SqlDatabase implements Database {
  readonly capabilities: Database['capabilities'];
  readonly nowMs?: () => Promise<number>;
  private readonly dialect: Dialect;
  private readonly reader: Reader;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
    this.capabilities = { replicas: dialect.replicas };
    this.reader = new Reader(dialect, dialect.reader, (statement) => this.read(statement));
    const { nowExpression } = dialect;
    if (nowExpression !== undefined) this.nowMs = () => this.readNow(nowExpression);
  }

  find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> {
    return this.reader.find(table, query);
  }

  findOne<T extends TableName>(table: T, where: Where<T>): Promise<Row<T> | undefined> {
    return this.reader.findOne(table, where);
  }

  count<T extends TableName>(table: T, where: Where<T>): Promise<number> {
    return this.reader.count(table, where);
  }

  async migrate(signal?: AbortSignal): Promise<void> {
    try {
      await withRetries(
        () => this.inTransaction((session) => migrate(this.dialect, session), signal),
        this.dialect.pauses,
        MIGRATION_BUDGET_MS,
        signal,
      );
    } catch (error) {
      throw forOperator(error);
    }
  }

  /** For programs beside running servers, under which the tables must not change. */
  async tableVersion(): Promise<TableVersion> {
    try {
      return await withRetries(
        () => this.inTransaction((session) => tableVersion(this.dialect, session), undefined),
        this.dialect.pauses,
        TRANSACTION_BUDGET_MS,
        undefined,
      );
    } catch (error) {
      throw forOperator(error);
    }
  }

  transaction<R>(work: (transaction: DatabaseTransaction) => Promise<R>, signal?: AbortSignal): Promise<R> {
    return withRetries(
      () =>
        this.inTransaction(async (session) => {
          const transaction = new SqlTransaction(this.dialect, session);
          try {
            const result = await work(transaction);
            const failed = transaction.end();
            if (failed) throw failed.error;
            return result;
          } catch (error) {
            const failure = transaction.end()?.failure.kind;
            if (failure === 'read_only') this.dialect.writerAge?.renew();
            throw failure === 'transient' ? new Transient(error) : error;
          }
        }, signal),
      this.dialect.pauses,
      TRANSACTION_BUDGET_MS,
      signal,
    );
  }

  async check(signal?: AbortSignal): Promise<Health> {
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
    const either = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      const isWritable = await orAborted(this.tryOut(), either, () => undefined);
      const { product } = this.dialect;
      return isWritable
        ? { connected: true, message: `${product} answers.` }
        : { connected: false, message: `${product} answers, but takes no writes.` };
    } catch (error) {
      signal?.throwIfAborted();
      const reason = AdapterError.is(error, 'misconfigured')
        ? 'refuses the connection or cannot be read'
        : 'does not answer';
      return { connected: false, message: `${this.dialect.product} ${reason}.` };
    }
  }

  close(): Promise<void> {
    return this.dialect.close();
  }

  private async readNow(expression: string): Promise<number> {
    const { reader } = this.dialect;
    const [row] = rowsOf(await this.read(reader.select(reader.raw(`${expression} as now_ms`))));
    return decodeNumber('The time', row?.now_ms);
  }

  /** Fails where it does not answer. @returns whether it takes writes. */
  private async tryOut(): Promise<boolean> {
    const { reader, writerAge } = this.dialect;
    if (!this.dialect.takesWrites) {
      await this.read(reader.select(reader.raw('1 as alive')));
      return true;
    }
    if (await this.mayWrite()) return true;
    // A connection of before may still say so when that is long over.
    writerAge?.renew();
    return this.mayWrite();
  }

  private async mayWrite(): Promise<boolean> {
    const session = await Session.open(this.dialect);
    try {
      return (await this.dialect.takesWrites?.(session)) ?? true;
    } catch (cause) {
      const { failure, error } = translated(this.dialect, cause);
      session.discardAfter(failure, cause);
      throw error;
    } finally {
      await session.release();
    }
  }

  /** One statement outside a transaction: run again when another process was in the way. */
  private read(statement: Knex.QueryBuilder): Promise<unknown> {
    return withRetries(
      async () => {
        try {
          return await statement.clone();
        } catch (cause) {
          const { failure, error } = translated(this.dialect, cause);
          throw failure.kind === 'transient' ? new Transient(error) : error;
        }
      },
      this.dialect.pauses,
      TRANSACTION_BUDGET_MS,
      undefined,
    );
  }

  private async inTransaction<R>(work: (session: Session) => Promise<R>, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted();
    const session = await orAborted(Session.open(this.dialect), signal, (late) => void late.release());
    try {
      await this.control(() => session.begin(), session);
      let result: R;
      try {
        result = await work(session);
        signal?.throwIfAborted();
      } catch (error) {
        await session.rollback();
        throw error;
      }
      await this.commit(session);
      return result;
    } finally {
      await session.release();
    }
  }

  private async commit(session: Session): Promise<void> {
    try {
      await session.commit();
    } catch (cause) {
      const { failure, error } = translated(this.dialect, cause);
      await session.rollback();
      session.discardAfter(failure, cause);
      if (failure.kind === 'transient') throw new Transient(error);
      if (failure.kind !== 'unreachable') throw error;
      const message = `${this.dialect.product} was lost while it stored the change: it may or may not be there; look before trying again.`;
      throw new AdapterError('unavailable', message, { details: { outcome: 'unknown' }, cause });
    }
  }

  private async control(step: () => Promise<void>, session: Session): Promise<void> {
    try {
      await step();
    } catch (cause) {
      const { failure, error } = translated(this.dialect, cause);
      if (failure.kind === 'transient') throw new Transient(error);
      session.discardAfter(failure, cause);
      throw error;
    }
  }
}
