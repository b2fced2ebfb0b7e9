import type { DatabaseReader } from '@user-workspaces/contract';

/** So many rows are asked for in one statement. */
const batchSize = 500;

interface Known {
  /** `undefined`: not let in. */
  readonly epoch: number | undefined;
  /** Which reading, or decision, it is from; a later one has a greater number. */
  readonly reading: number;
}

/** The epochs of the users who are let into their sessions, as their rows were last read. */
export class SessionOwners {
  readonly #database: Pick<DatabaseReader, 'find'>;
  readonly #shutOut: (userId: number) => void;
  readonly #known = new Map<number, Known>();
  #readings = 0;

  /** @param shutOut Told of each user of whom what is open to their sessions counts no more. */
  constructor(database: Pick<DatabaseReader, 'find'>, shutOut: (userId: number) => void) {
    this.#database = database;
    this.#shutOut = shutOut;
  }

  /** Which tickets and cookies of a user count; `undefined` when none does, or the user was not read yet. */
  epochOf(userId: number): number | undefined {
    return this.#known.get(userId)?.epoch;
  }

  /** The user was deactivated here: what was read of them, or is being read, counts no more. */
  forget(userId: number): void {
    this.#readings += 1;
    this.#take(userId, { epoch: undefined, reading: this.#readings });
  }

  /** Forgets all users but these, who have sessions. */
  keepOnly(userIds: ReadonlySet<number>): void {
    for (const userId of this.#known.keys()) if (!userIds.has(userId)) this.#known.delete(userId);
  }

  /** Reads the rows of users. */
  async read(userIds: readonly number[]): Promise<void> {
    for (let first = 0; first < userIds.length; first += batchSize) {
      const batch = userIds.slice(first, first + batchSize);
      this.#readings += 1;
      const reading = this.#readings;
      const rows = await this.#database.find('users', { where: { id: { in: batch }, is_active: true } });
      const epochs = new Map(rows.map((row) => [row.id, row.session_epoch]));
      for (const id of batch) this.#take(id, { epoch: epochs.get(id), reading });
    }
  }

  /** Answers come out of order: an older one changes nothing. */
  #take(userId: number, next: Known): void {
    const known = this.#known.get(userId);
    if (known && known.reading > next.reading) return;
    this.#known.set(userId, next);
    if (known?.epoch !== undefined && known.epoch !== next.epoch) this.#shutOut(userId);
  }
}
