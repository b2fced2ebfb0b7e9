import { AuthenticationError } from '@user-workspaces/client';
import type { Database } from '@user-workspaces/contract';
import type { RunningServer } from '../../support/server.js';
import { signIn, type User } from '../../support/users.js';
import { bytesOf, type Exchange, exchange } from './exchange.js';
import { faultOf, isBreak } from './judge.js';
import { Known } from './known.js';
import { Random } from './random.js';
import { type FuzzRequest, makeRequest } from './requests.js';
import type { Secrets } from './secrets.js';
import type { World } from './world.js';

/** What all senders of a run share. */
export interface Run {
  readonly server: RunningServer;
  readonly database: Database;
  readonly world: World;
  readonly secrets: Secrets;
  readonly seed: number;
  readonly faults: string[];
  /** How many answers had which status. */
  readonly statuses: Map<number, number>;
  /** Operations that did what they were asked. */
  readonly succeeded: Set<string>;
}

/** The one user who always is one again. */
export const administrator = 'root';

/** Sends a share of a run's requests for a user, one after the other. */
export class Sender {
  readonly #run: Run;
  readonly #known: Known;
  #user: User;

  constructor(run: Run, user: User) {
    this.#run = run;
    this.#user = user;
    this.#known = new Known(run.world.fixed[user.username] ?? {});
  }

  /** Sends the request of a number, and notes what is wrong with its answer. */
  async send(number: number): Promise<void> {
    const { server, faults, seed, statuses, succeeded } = this.#run;
    // Each request has a seed of its own, so that it is the same wherever the others lead.
    const request = makeRequest(number, new Random(seed * 1_000_003 + number), this.#known);
    const own = { ...this.#passes(), token: this.#user.token, clientToken: server.clientToken };
    const bytes = bytesOf(request, `127.0.0.1:${server.port}`, own);
    let answer: Exchange;
    try {
      answer = await exchange(server.port, bytes, request);
    } catch (error) {
      faults.push(`${String(error)} after request ${number}: ${describeBytes(bytes)}`);
      return;
    }
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    let fault = faultOf(request, answer) ?? this.#told(request, answer, bytes);
    if (fault !== undefined && isBreak(fault) && !(await this.#isWelcome())) {
      fault = undefined;
      await this.#mend();
    }
    if (fault !== undefined) {
      faults.push(
        `Request ${number}, ${request.manner} ${request.operation}: ${fault}\n${describeBytes(bytes)}\nanswered ${answer.status} ${answer.text.slice(0, 500)}`,
      );
    }
    if (answer.status >= 200 && answer.status < 400) succeeded.add(request.operation);
    await this.#learn(request, answer);
  }

  #passes(): { readonly ticket: string; readonly cookie: string } {
    return this.#run.world.passes[this.#user.username] ?? { ticket: '', cookie: '' };
  }

  /** A secret in an answer that is neither the sender's own nor made by it. */
  #told({ operation }: FuzzRequest, answer: Exchange, bytes: Buffer): string | undefined {
    if (answer.status < 300 && tellingTokens.includes(operation)) return undefined;
    const all = `${JSON.stringify(answer.headers)}\n${answer.text}`;
    const knew = bytes.toString('latin1');
    const readsOutput = operation === 'readJobLogs' && answer.status < 300;
    const told = this.#run.secrets.toldBy(all, { username: this.#user.username, knew, readsOutput });
    return told === undefined ? undefined : `a secret, ${told.slice(0, 8)}…`;
  }

  async #learn({ operation }: FuzzRequest, { status, text, headers }: Exchange): Promise<void> {
    const { secrets } = this.#run;
    const isStripped = text.includes('needs the role') && this.#user.username === administrator;
    if (isStripped || (status === 401 && text.includes('"invalid_token"'))) await this.#mend();
    if (status >= 300 || headers['content-type']?.startsWith('application/json') !== true) return;
    const answer: unknown = JSON.parse(text === '' ? '{}' : text);
    if (tellingTokens.includes(operation))
      for (const [, token = ''] of text.matchAll(/"(?:client_)?token":"([^"]+)"/g)) secrets.add(token);
    this.#known.learn(answer);
  }

  async #isWelcome(): Promise<boolean> {
    return (await this.#user.request('/me/')).status === 200;
  }

  /** Administrators deactivate users and each other, and change their addresses, and users revoke their tokens; then it goes on with a new one. */
  async #mend(): Promise<void> {
    const { server, database, secrets } = this.#run;
    const { username } = this.#user;
    const role = username === administrator ? 'administrator' : 'user';
    let user: User | undefined;
    for (let attempt = 1; user === undefined; attempt++) {
      await database.transaction((rows) =>
        rows.update('users', { username }, { is_active: true, role, email: `${username}@example.org` }),
      );
      user = await signIn(server, username).catch((error: unknown) => {
        // An administrator has deactivated the user again, in between.
        if (error instanceof AuthenticationError && attempt < 10) return undefined;
        throw error;
      });
    }
    this.#user = user;
    secrets.add(user.token);
  }
}

/** Operations whose answers hold a token, for whoever asked. */
const tellingTokens: readonly string[] = ['createToken', 'adminCreateClient', 'adminRotateClient'];

function describeBytes(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1').slice(0, 1_500));
}
