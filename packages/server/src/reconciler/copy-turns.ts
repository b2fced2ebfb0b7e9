import type { ShareRow } from '@user-workspaces/contract';

/** Copies that are made at once: each may read for hours, and all of them go through the few threads that read and write the files of requests. */
export const copiesAtOnce = 4;

/** Whose copy is made next: one of each sender at a time, and of several senders first the one whose last turn is longest ago. */
export class CopyTurns {
  readonly #copying = new Set<number>();
  /** When a sender who waits had the last turn, as the number of that turn. */
  readonly #lastTurns = new Map<number, number>();
  #turn = 0;

  /** @param due Copies to be made, the longest due first. Those that are given have begun, until {@link end}. */
  begin(due: readonly ShareRow[]): readonly ShareRow[] {
    const waiting = new Map<number, ShareRow>();
    for (const row of due) {
      const { sender_user_id } = row;
      if (!this.#copying.has(sender_user_id) && !waiting.has(sender_user_id)) waiting.set(sender_user_id, row);
    }
    const lastTurnOf = (row: ShareRow): number => this.#lastTurns.get(row.sender_user_id) ?? 0;
    const begun = [...waiting.values()]
      .sort((a, b) => lastTurnOf(a) - lastTurnOf(b))
      .slice(0, copiesAtOnce - this.#copying.size);
    for (const { sender_user_id } of begun) {
      this.#copying.add(sender_user_id);
      this.#lastTurns.set(sender_user_id, ++this.#turn);
    }
    // Who neither waits nor copies is owed nothing.
    for (const sender of this.#lastTurns.keys()) {
      if (!waiting.has(sender) && !this.#copying.has(sender)) this.#lastTurns.delete(sender);
    }
    return begun;
  }

  end({ sender_user_id }: ShareRow): void {
    this.#copying.delete(sender_user_id);
  }
}
