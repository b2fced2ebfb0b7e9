import type { ServerContext } from '../server-context.js';
import { findUnknownLaunches, mayRun } from './unknown-launches.js';

/** While there are none. */
const seldomMs = 3_600_000;
/** While there are some, so that it is soon seen that they have ended. */
const oftenMs = 60_000;

/**
 * Looks for launches that run and that no job knows, and says so. They are never ended by the server itself: the database may be another one than it should be, and the
 * jobs people's work.
 */
export class LaunchWatch {
  readonly #context: Pick<ServerContext, 'database' | 'resources' | 'clock' | 'log'>;
  readonly #running = new Map<string, number>();
  readonly #closing = new AbortController();
  #looking: Promise<void> | undefined;

  constructor(context: Pick<ServerContext, 'database' | 'resources' | 'clock' | 'log'>) {
    this.#context = context;
  }

  start(): void {
    this.#looking = this.#loop(this.#closing.signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The server stops.'));
    await this.#looking;
  }

  /** What `/status/` says of a resource beside its health; nothing where all is well. */
  noticeOf(resource: string): string {
    const count = this.#running.get(resource) ?? 0;
    return count === 0 ? '' : ` ${count} of its launches run on that no job knows: see /admin/launches/.`;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const name of this.#context.resources.keys()) await this.#look(name, signal);
      const pauseMs = [...this.#running.values()].some((count) => count > 0) ? oftenMs : seldomMs;
      await this.#context.clock.sleep(pauseMs, signal);
    }
  }

  async #look(name: string, signal: AbortSignal): Promise<void> {
    const { database, resources, log } = this.#context;
    const resource = resources.get(name)?.resource;
    if (!resource?.launchKeys) return;
    try {
      const running = (await findUnknownLaunches(database, resource, signal)).filter(mayRun);
      if (running.length > (this.#running.get(name) ?? 0)) {
        log.warn(
          {
            resource: name,
            count: running.length,
            launchKeys: running.slice(0, 20).map(({ reference }) => reference.launchKey),
          },
          'launches run that no job of this database knows, as after a backup was restored: GET /admin/launches/ shows them, DELETE /admin/launches/{launch_key}/ ends one; for those on this machine "uws admin launches" does the same',
        );
      }
      this.#running.set(name, running.length);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: error, resource: name }, 'whether launches run that no job knows could not be seen');
    }
  }
}
