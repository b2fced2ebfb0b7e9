import type { Database } from '@user-workspaces/contract';

/** The session epochs of users whose sessions are in use, each read once. Whoever hears of a change calls {@link forget}. */
export class SessionEpochs {
  readonly #database: Database;
  readonly #read = new Map<number, Promise<number>>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The user's epoch, as it was at the first call since it was forgotten. */
  of(userId: number): Promise<number> {
    const known = this.#read.get(userId);
    if (known) return known;
    const reading = this.#readNow(userId);
    this.#read.set(userId, reading);
    reading.catch(() => {
      if (this.#read.get(userId) === reading) this.#read.delete(userId);
    });
    return reading;
  }

  /** What was read, or is being read, counts no more. */
  forget(userId: number): void {
    this.#read.delete(userId);
  }

  /** Whether the epoch that counts here is older than this one. */
  async isBehind(userId: number, epoch: number): Promise<boolean> {
    const known = this.#read.get(userId);
    return known !== undefined && (await known) < epoch;
  }

  /** Forgets all users but these. */
  keepOnly(userIds: ReadonlySet<number>): void {
    for (const userId of this.#read.keys()) if (!userIds.has(userId)) this.forget(userId);
  }

  async #readNow(userId: number): Promise<number> {
    const user = await this.#database.findOne('users', { id: userId });
    if (!user) throw new Error(`There is no user ${userId}, whose session is asked for.`);
    return user.session_epoch;
  }
}
