import { EventEmitter } from 'node:events';
import type { AuditEntryRow, Database, DatabaseTransaction, JobRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Clock } from '../clock.js';
import { isoTime } from '../views/time.js';
import { type RecordTransaction, recordTransaction } from './record-transaction.js';

type StoredEvent = Exclude<Schema<'Event'>, Schema<'HelloEvent'> | Schema<'ResetEvent'>>;
type WithoutNumber<T> = T extends unknown ? Omit<T, 'id' | 'datetime'> : never;

/** An event before it has its number and time. */
export type NewEvent = WithoutNumber<StoredEvent>;

/** What a committed transaction changed, for listeners in this process. */
export interface Committed {
  /** Users with new events. */
  readonly userIds: ReadonlySet<number>;
  /** Jobs as they are now, the last change of each. */
  readonly jobs: ReadonlyMap<number, JobRow>;
  /** Those of them that have ended by it. */
  readonly ended: readonly JobRow[];
  /** Something became due for the reconciler. */
  readonly isDue: boolean;
  /** What was written into the audit log. */
  readonly audited: readonly Pick<AuditEntryRow, 'action' | 'outcome'>[];
}

/** What a transaction gathers while it runs. */
export interface Pending {
  readonly userIds: Set<number>;
  readonly jobs: Map<number, JobRow>;
  readonly ended: JobRow[];
  isDue: boolean;
  readonly audited: Pick<AuditEntryRow, 'action' | 'outcome'>[];
}

const nothing = (): Pending => ({ userIds: new Set(), jobs: new Map(), ended: [], isDue: false, audited: [] });

/**
 * Changes rows and numbers their events in the same transaction, then tells this process.
 *
 * Guarantees: an event exists exactly if its change does; a user's events are numbered without gaps in the order of
 * their transactions; listeners hear of a change only after it is on disk.
 */
export class Journal {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #committed = new EventEmitter<{ committed: [Committed] }>().setMaxListeners(0);

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Runs `work` in one transaction; `work` may run more than once. */
  async transaction<R>(work: (transaction: RecordTransaction) => Promise<R>, signal?: AbortSignal): Promise<R> {
    let pending = nothing();
    const result = await this.#database.transaction(async (rows) => {
      pending = nothing();
      return work(recordTransaction(rows, this.#clock.now(), pending));
    }, signal);
    const { userIds, jobs, isDue, audited } = pending;
    if (userIds.size + jobs.size + audited.length > 0 || isDue) this.#committed.emit('committed', pending);
    return result;
  }

  /** Calls `listener` after each transaction that changed something, until the returned function is called. */
  onCommitted(listener: (committed: Committed) => void): () => void {
    this.#committed.on('committed', listener);
    return () => this.#committed.off('committed', listener);
  }
}

/** So many events are kept of a user at most, besides those that are too old. */
const mostEvents = 5_000;
/** And so many at least, whatever they hold. */
const fewestEvents = 100;
/** About so many bytes of them: the larger an event, the fewer are kept before it. */
const eventBytes = 64 * 1024 * 1024;
/** Small ones are removed so many at a time. */
const removedAtOnce = 100;

/** How many events of a user stay when one is stored; 0 when it is not yet time to look. */
function keptWith(seq: number, bytes: number): number {
  const most = mostEvents - removedAtOnce;
  const kept = Math.min(most, Math.max(fewestEvents, Math.floor(eventBytes / bytes)));
  return kept < most || seq % removedAtOnce === 0 ? kept : 0;
}

/** Gives an event the user's next number and stores it. The user's oldest go, as after their time: who would read on from there is told. */
export async function appendEvent(
  rows: DatabaseTransaction,
  userId: number,
  subjectId: number,
  event: NewEvent,
  nowMs: number,
): Promise<void> {
  const seq = await rows.increment('users', userId, 'event_seq', 1);
  if (seq === undefined) throw new Error(`Event for user ${userId}, who does not exist.`);
  const stored: StoredEvent = { ...event, id: seq, datetime: isoTime(nowMs) };
  const payload = JSON.stringify(stored);
  await rows.insert('events', {
    user_id: userId,
    seq,
    type: event.type,
    subject_id: subjectId,
    payload,
    created_at_ms: nowMs,
  });
  const kept = keptWith(seq, Buffer.byteLength(payload));
  if (kept > 0 && seq > kept) await rows.remove('events', { user_id: userId, seq: { lte: seq - kept } });
}
