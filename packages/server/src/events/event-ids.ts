import type { EventRow } from '@user-workspaces/contract';

/** The event after which a reader goes on. */
export interface LastEvent {
  readonly seq: number;
  /** Tells it from another event of this number; absent in what is made from a number alone, as `GET /me/` tells it. */
  readonly mark: string | undefined;
}

/**
 * An event's number and, behind the point, when it was stored: a database that was restored from a backup gives the numbers since then
 * again, to other events. It reads as a number for those who compare ids, and its last digit is kept by them, too.
 */
export function eventIdOf(event: Pick<EventRow, 'seq' | 'created_at_ms'>): string {
  return `${event.seq}.${markOf(event)}`;
}

export function parseEventId(text: string): LastEvent | undefined {
  const [, seq, mark] = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), mark };
}

/** Whether `event`, as it is stored now, is the one that the reader has seen. */
export function isSameEvent({ mark }: LastEvent, event: Pick<EventRow, 'seq' | 'created_at_ms'> | undefined): boolean {
  return mark === undefined || (event !== undefined && markOf(event) === mark);
}

function markOf({ created_at_ms }: Pick<EventRow, 'created_at_ms'>): string {
  return `${String(created_at_ms % 1_000_000).padStart(6, '0')}1`;
}
