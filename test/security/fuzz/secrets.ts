import type { Database } from '@user-workspaces/contract';

/** Any text that is long enough to be a secret: tokens, hashes, keys, tickets. */
const secretLike = /[\w-]{16,}/g;

/** The end of a job's output as answers and events show it. */
const lastLogLines = /"last_log_lines":\[(?:"(?:[^"\\]|\\.)*",?)*\]/g;

/** Who reads an answer. */
interface Reader {
  readonly username: string;
  /** What it sent. */
  readonly knew: string;
  /** The answer is a job's output. */
  readonly readsOutput: boolean;
}

/** What a server under test must not tell, and to whom it may. */
export class Secrets {
  /** By the parts that are looked for; `undefined` for those that nobody may see. */
  readonly #owners = new Map<string, string | undefined>();
  readonly #passwords: readonly string[];
  readonly #paths: readonly string[];

  /** @param paths Of the server's host: in its log, but in no answer other than the output of jobs, which know where they are. */
  constructor(passwords: readonly string[], paths: readonly string[]) {
    this.#passwords = passwords;
    this.#paths = paths;
  }

  get size(): number {
    return this.#owners.size + this.#passwords.length;
  }

  /** @param owner Who may see it in an answer. */
  add(secret: string, owner?: string): void {
    for (const [part] of secret.matchAll(secretLike)) this.#owners.set(part, owner);
  }

  /** What the database keeps and no answer shows. */
  async addThoseOf(database: Database): Promise<void> {
    const users = new Map((await database.find('users', {})).map(({ id, username }) => [id, username]));
    for (const { token_hash } of await database.find('tokens', {})) this.add(token_hash);
    for (const { token_hash } of await database.find('api_clients', {})) this.add(token_hash);
    for (const { value } of await database.find('settings', {})) this.add(JSON.stringify(value));
    for (const job of await database.find('jobs', {})) {
      this.add(job.session_secret);
      this.add(job.session_token, users.get(job.user_id));
    }
  }

  /** The first secret that a text tells, `undefined` if none. @param reader Of an answer; absent: the log. */
  toldBy(text: string, reader?: Reader): string | undefined {
    const isToldIn = (where: string) => (secret: string) => where.includes(secret) && !reader?.knew.includes(secret);
    const plain = this.#passwords.find(isToldIn(text));
    if (plain !== undefined) return plain;
    const told = text.replaceAll(lastLogLines, '');
    const place = reader && !reader.readsOutput ? this.#paths.find(isToldIn(told)) : undefined;
    if (place !== undefined) return place;
    for (const [part] of text.matchAll(secretLike)) {
      if (!this.#owners.has(part)) continue;
      const owner = this.#owners.get(part);
      if (reader && ((owner !== undefined && owner === reader.username) || reader.knew.includes(part))) continue;
      return part;
    }
    return undefined;
  }
}
