import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Database, UserRow } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { inOneFile } from '../../support/one-file.js';
import { freePort, type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import type { Place } from '../invariants.js';

const program = inOneFile(fileURLToPath(new URL('server.mjs', import.meta.url)), 'crash-server');

/** Where the server is to die: at the n-th step of this name. */
export interface Point {
  readonly step: string;
  readonly count: number;
}

/** An answer; a request without one gives `undefined`. */
export interface Answered {
  readonly status: number;
  readonly body: {
    readonly message?: string;
    readonly data?: Readonly<Record<string, unknown>>;
    readonly token?: string;
  };
}

export interface SendOptions {
  readonly body?: string | Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Person = 'ada' | 'ben';

/** A data directory, the server that works on it, which may die and be started again, and two users. */
export class Bench implements Place {
  readonly data: string;
  readonly starts: string;
  readonly database: Database;
  readonly #port: number;
  #server: RunningServer | undefined;
  readonly #tokens = new Map<Person, string>();

  private constructor(root: string, port: number) {
    this.data = join(root, 'data');
    this.starts = join(this.data, 'starts');
    this.#port = port;
    this.database = createSqlDatabase({ client: 'sqlite', file: join(this.data, 'server', 'database.sqlite') });
  }

  static async open(): Promise<Bench> {
    const bench = new Bench(await temporaryDirectory(), await freePort());
    await bench.start();
    for (const person of ['ada', 'ben'] as const) {
      const user_info = { username: person, email: `${person}@example.org`, first_name: person, last_name: 'Example' };
      const client_token = bench.server.clientToken;
      const answer = await bench.send(undefined, 'POST', '/tokens/', { body: { client_token, user_info } });
      if (!answer?.body.token) throw new Error(`No token: ${JSON.stringify(answer)}`);
      bench.#tokens.set(person, answer.body.token);
    }
    return bench;
  }

  get server(): RunningServer {
    if (!this.#server) throw new Error('The server is not started.');
    return this.#server;
  }

  get isAlive(): boolean {
    const child = this.#server?.process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts the server, to die at a point already while it starts if told so. */
  async start(dieAt?: Point): Promise<void> {
    const env = { CRASH_STEP: dieAt?.step ?? '', CRASH_COUNT: String(dieAt?.count ?? 1) };
    this.#server = await startServer({ command: [await program], dataDirectory: this.data, port: this.#port, env });
  }

  /** From now on steps are counted; the server dies at the given one. */
  async arm(point?: Point): Promise<void> {
    const query = point ? `?step=${encodeURIComponent(point.step)}&count=${point.count}` : '';
    await this.send(undefined, 'POST', `/.crash${query}`);
  }

  /** The steps since then. */
  async steps(): Promise<string[]> {
    const response = await fetch(`${this.server.baseUrl}/.crash`, { headers: { Connection: 'close' } });
    const steps: string[] = await response.json();
    return steps;
  }

  /** True as soon as the server is dead; false if it lives on. */
  async hasDied(patienceMs: number): Promise<boolean> {
    const deadline = Date.now() + patienceMs;
    while (this.isAlive && Date.now() < deadline) await delay(10);
    return !this.isAlive;
  }

  /** One request over a connection of its own. */
  send(
    person: Person | undefined,
    method: string,
    path: string,
    options: SendOptions = {},
  ): Promise<Answered | undefined> {
    const { body } = options;
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const token = person && this.#tokens.get(person);
    const headers = {
      'Content-Type': 'application/json',
      ...(token !== undefined && { 'UWS-Authorization': `Token ${token}` }),
      ...options.headers,
    };
    return new Promise((resolve) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.#port, method, path, headers, agent: false });
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', () => resolve(undefined));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString() || '{}') });
        });
      });
      // Nobody there, or gone before the answer.
      request.on('error', () => resolve(undefined));
      request.end(text);
    });
  }

  async user(person: Person): Promise<UserRow> {
    const row = await this.database.findOne('users', { username: person });
    if (!row) throw new Error(`There is no user ${person}.`);
    return row;
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    await this.database.close();
  }
}
