import type { EventRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { Doorbell } from '../files/doorbell.js';
import type { Caller } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';
import { isoTime } from '../views/time.js';
import { eventIdOf, isSameEvent, type LastEvent } from './event-ids.js';
import { Readers } from './readers.js';
import { isStillWelcome } from './still-welcome.js';
import { orAfter } from './watch-job.js';

const heartbeatMs = 15_000;

/** How late the event of another process may be. */
const pollMs = 5_000;

/** Events that one stream holds in memory at most; fewer of large ones, as a reader may take nothing for a while. */
const batchSize = 20;

/** What a batch may have, unless a single event has more. */
const batchCharacters = 256 * 1024;

/** How long a browser waits before it comes back. */
const retryMs = 2_000;

/**
 * The users' event streams.
 *
 * Every stream reads the stored events after the last one it sent, so that none is lost or sent twice, whatever the
 * reader's pace; news from the journal only say when to look.
 */
export class EventStreams {
  readonly #context: ServerContext;
  readonly #readers = new Readers();
  readonly #bells = new Map<number, Set<Doorbell>>();
  readonly #unsubscribe: () => void;

  constructor(context: ServerContext) {
    this.#context = context;
    this.#unsubscribe = context.journal.onCommitted(({ userIds }) => {
      for (const userId of userIds) for (const bell of this.#bells.get(userId) ?? []) bell.ring();
    });
  }

  /** How many streams are open. */
  get size(): number {
    return this.#readers.size;
  }

  /** Ends a user's streams at once: the user was deactivated. */
  closeUser(userId: number): void {
    this.#readers.closeUser(userId);
  }

  /** Ends all streams, for a shutdown. */
  close(): void {
    this.#unsubscribe();
    this.#readers.close();
  }

  /**
   * A user's events as text of server-sent events, from the one after `last`, or from now on.
   *
   * @param signal Aborts when the reader is gone.
   */
  async *open(
    caller: Caller,
    last: LastEvent | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<string, void, undefined> {
    const bell = new Doorbell();
    const reader = this.#readers.enter(caller);
    const ending = AbortSignal.any([signal, reader.signal]);
    const onEnd = (): void => bell.ring();
    ending.addEventListener('abort', onEnd, { once: true });
    this.#listen(caller.user.id, bell);
    try {
      yield* this.#messages(caller, last, bell, ending);
    } finally {
      ending.removeEventListener('abort', onEnd);
      this.#forget(caller.user.id, bell);
      reader.leave();
    }
  }

  async *#messages(
    caller: Caller,
    last: LastEvent | undefined,
    bell: Doorbell,
    ending: AbortSignal,
  ): AsyncGenerator<string, void, undefined> {
    const { clock, database } = this.#context;
    // Without other replicas, the journal tells of all that happens.
    const patienceMs = database.capabilities.replicas ? pollMs : heartbeatMs;
    const userId = caller.user.id;
    yield `retry: ${retryMs}\n\n`;
    let sent = await this.#newest(userId);
    if (!last) yield await this.#sign('hello', userId, sent);
    // Never given, or to another event: it comes from another database, or from what a backup made undone.
    else if (last.seq > sent || !isSameEvent(last, await this.#event(userId, last.seq))) {
      yield await this.#sign('reset', userId, sent);
    } else sent = last.seq;

    let heartbeatAtMs = clock.elapsed() + heartbeatMs;
    // How large the next ones are is known only from those before.
    let limit = 1;
    while (!ending.aborted) {
      const rung = bell.next;
      const asked = limit;
      const events = await this.#after(userId, sent, asked);
      limit = nextLimit(events, asked);
      if (ending.aborted) return;
      if (events[0] && events[0].seq !== sent + 1) {
        sent = await this.#newest(userId);
        yield await this.#sign('reset', userId, sent);
        continue;
      }
      for (const event of events) {
        sent = event.seq;
        yield messageOf(event);
        if (ending.aborted) return;
      }
      if (events.length === asked) continue;
      if (events.length === 0 && sent < (await this.#newest(userId))) {
        // Stored after the last look, or all of them forgotten meanwhile.
        if (!(await this.#event(userId, sent + 1))) {
          sent = await this.#newest(userId);
          yield await this.#sign('reset', userId, sent);
        }
        continue;
      }
      if (clock.elapsed() >= heartbeatAtMs) {
        if (!(await isStillWelcome(this.#context, caller))) return;
        yield ': alive\n\n';
        heartbeatAtMs = clock.elapsed() + heartbeatMs;
      }
      if (ending.aborted) return;
      await orAfter(this.#context, rung, Math.min(patienceMs, heartbeatAtMs - clock.elapsed()));
    }
  }

  #after(userId: number, seq: number, limit: number): Promise<EventRow[]> {
    return this.#context.database.find('events', {
      where: { user_id: userId, seq: { gt: seq } },
      orderBy: [['seq', 'asc']],
      limit,
    });
  }

  async #newest(userId: number): Promise<number> {
    return (await this.#context.database.findOne('users', { id: userId }))?.event_seq ?? 0;
  }

  #event(userId: number, seq: number): Promise<EventRow | undefined> {
    return this.#context.database.findOne('events', { user_id: userId, seq });
  }

  async #sign(type: 'hello' | 'reset', userId: number, id: number): Promise<string> {
    const event: Schema<'HelloEvent'> | Schema<'ResetEvent'> = {
      type,
      id,
      datetime: isoTime(this.#context.clock.now()),
    };
    const newest = await this.#event(userId, id);
    return `id: ${newest ? eventIdOf(newest) : id}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
  }

  #listen(userId: number, bell: Doorbell): void {
    const bells = this.#bells.get(userId) ?? new Set();
    this.#bells.set(userId, bells.add(bell));
  }

  #forget(userId: number, bell: Doorbell): void {
    const bells = this.#bells.get(userId);
    bells?.delete(bell);
    if (bells?.size === 0) this.#bells.delete(userId);
  }
}

/** As many events of the size of these as a batch may have, but no more than twice as many as before: those that follow may be larger. */
function nextLimit(events: readonly EventRow[], asked: number): number {
  const characters = events.reduce((sum, { payload }) => sum + payload.length, 0);
  const fitting = Math.floor((batchCharacters * events.length) / Math.max(characters, 1));
  return events.length === 0 ? asked : Math.max(1, Math.min(batchSize, 2 * asked, fitting));
}

function messageOf(event: EventRow): string {
  return `id: ${eventIdOf(event)}\nevent: ${event.type}\ndata: ${event.payload}\n\n`;
}

/** Makes the registry of a server's event streams. */
export function createEventStreams(context: ServerContext): EventStreams {
  return new EventStreams(context);
}
