import { type Event, UserWorkspaces } from '@user-workspaces/client';
import { type Random, seededRandom } from '../../simulation/random.js';
import { oneOf } from './chance.js';
import type { Cluster } from './cluster.js';
import { deeds, needed, retreat } from './deeds/index.js';
import { insistOn } from './insist.js';
import type { Step } from './plan.js';
import { noPromises, type PromisedWorkspace, type Promises } from './promises.js';

/** Nobody waits long for a server that hangs; the next request goes to another connection. */
const timeoutMs = 6_000;

/** With more than that a person deletes one instead of making another. */
const manyWorkspaces = 7;

/** What a deed is given. */
export interface Turn {
  readonly person: Person;
  readonly random: Random;
  /** No other turn has it. */
  readonly name: string;
}

/** A user who works through the SDK, remembers what was promised, and reads the event stream all the while. */
export class Person {
  readonly promises: Promises = noPromises();
  /** What was wrong at once. */
  readonly problems: string[] = [];
  readonly events: Event[] = [];
  readonly client: UserWorkspaces;
  /** Operations that came to their end. */
  operations = 0;
  /** Requests that the SDK sent for them. */
  requests = 0;
  others: readonly Person[] = [];
  userId = 0;
  #reading: Promise<void> | undefined;
  readonly #over = new AbortController();

  constructor(
    readonly name: string,
    readonly cluster: Cluster,
  ) {
    this.client = new UserWorkspaces({
      baseUrl: cluster.link.baseUrl,
      timeoutMs,
      retries: 1,
      fetch: (input, init) => {
        this.requests += 1;
        return fetch(input, init);
      },
    });
  }

  async signIn(clientToken: string): Promise<void> {
    const user_info = { username: this.name, email: `${this.name}@example.org` };
    await insistOn('signing in', () => this.client.signIn({ client_token: clientToken, user_info }));
    this.userId = (await insistOn('asking who I am', () => this.client.me())).value.id;
    this.#reading = this.#readEvents();
  }

  async #readEvents(): Promise<void> {
    const stream = this.client.events.stream({ lastEventId: 0, signal: this.#over.signal, idleTimeoutMs: 20_000 });
    try {
      for await (const event of stream) this.events.push(event);
    } catch (error) {
      if (!this.#over.signal.aborted) this.problems.push(`${this.name}: the event stream ended: ${String(error)}`);
    }
  }

  async stopReading(): Promise<void> {
    this.#over.abort();
    await this.#reading;
  }

  /** Does what was planned, one thing after the other; where there is nothing to do it with, makes or deletes a workspace instead. */
  async work(steps: readonly Step[]): Promise<void> {
    for (const { deed, seed } of steps) {
      const turn: Turn = { person: this, random: seededRandom(seed), name: `${this.name}-${this.operations}` };
      const open = this.openWorkspaces();
      const chosen = open.length < 2 ? needed : open.length > manyWorkspaces && deeds[deed]?.makesMore ? retreat : deed;
      const workspace = oneOf(turn.random, open);
      try {
        await deeds[chosen]?.act(turn, workspace);
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        this.problems.push(`${turn.name}, ${chosen}: ${said}`);
      }
      this.operations += 1;
    }
  }

  /** Those of which no copy is offered. */
  openWorkspaces(): PromisedWorkspace[] {
    return [...this.promises.workspaces.values()].filter(({ isShared }) => !isShared);
  }

  /** Remembers what a key has made. */
  note(key: string, id: number): void {
    this.promises.keys.set(key, (this.promises.keys.get(key) ?? new Set()).add(id));
  }

  /** Remembers a workspace that is there, with its files. */
  promise(
    id: number,
    name: string,
    files: readonly { readonly name: string; readonly content: string }[],
  ): PromisedWorkspace {
    const known = new Map(files.map((file) => [file.name, { content: file.content, isCertain: true }]));
    const workspace = { id, name, files: known, directories: new Set<string>(), isShared: false };
    this.promises.workspaces.set(id, workspace);
    return workspace;
  }
}
