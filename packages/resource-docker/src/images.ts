import { AdapterError } from '@user-workspaces/contract';
import { type Engine, Refusal } from './engine.js';
import { jsonLines } from './lines.js';

/** A pull that is done within this time holds nobody up; what takes longer is told as the reason for waiting. */
const patienceMs = 500;

interface Pull {
  readonly done: Promise<void>;
  /** Bytes so far and in all, by layer. */
  readonly layers: Map<string, { readonly current: number; readonly total: number }>;
  /** Launches that were told to wait for it and have not come back. */
  readonly waiting: Set<string>;
  status: string;
  isDone: boolean;
  failure?: unknown;
}

/** Fetches images, each once at a time, whoever waits for it. */
export class Images {
  private readonly pulls = new Map<string, Pull>();
  /** Launches for which an image was fetched though the engine had one: once is enough. */
  private readonly refreshed = new Set<string>();

  /** @param ready Called with the launch keys that waited for an image. */
  constructor(
    private readonly engine: Engine,
    private readonly ready: (launchKeys: readonly string[]) => void,
  ) {}

  /** Whether the image has not been fetched anew for this launch. */
  needsRefresh(launchKey: string): boolean {
    return !this.refreshed.has(launchKey);
  }

  /** The launch is done with its image. */
  forget(launchKey: string): void {
    this.refreshed.delete(launchKey);
  }

  /**
   * Returns when the image is there.
   *
   * @throws AdapterError `unavailable` with the progress while it is fetched, `invalid` when the registry does not give it.
   */
  async fetch(image: string, launchKey: string): Promise<void> {
    const known = this.pulls.get(image);
    // What was fetched for others may be out of date by now, and what could not be fetched may be there.
    const isOwn = known && (!known.isDone || known.waiting.has(launchKey));
    const pull = isOwn ? known : this.begin(image);
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, patienceMs, false);
    });
    const isDone = await Promise.race([pull.done.then(() => true), pause]);
    clearTimeout(timer);
    if (!isDone) {
      pull.waiting.add(launchKey);
      throw new AdapterError('unavailable', `The image ${image} is being fetched${progressOf(pull)}.`);
    }
    pull.waiting.delete(launchKey);
    if (pull.waiting.size === 0 && this.pulls.get(image) === pull) this.pulls.delete(image);
    if (pull.failure !== undefined) throw failureOf(image, pull.failure);
    this.refreshed.add(launchKey);
  }

  private begin(image: string): Pull {
    const pull: Pull = { done: Promise.resolve(), layers: new Map(), waiting: new Set(), status: '', isDone: false };
    const done = this.follow(image, pull)
      .catch((error: unknown) => {
        pull.failure = error;
      })
      .finally(() => {
        pull.isDone = true;
        if (pull.waiting.size > 0) this.ready([...pull.waiting]);
      });
    const begun = Object.assign(pull, { done });
    this.pulls.set(image, begun);
    return begun;
  }

  private async follow(image: string, pull: Pull): Promise<void> {
    // Without a tag the engine would fetch all there are.
    const hasTag = /[:@][^/]+$/.test(image);
    const stream = await this.engine.stream('POST', '/images/create', {
      fromImage: hasTag ? image : `${image}:latest`,
    });
    for await (const { status, id, progressDetail, error } of jsonLines(stream)) {
      if (typeof error === 'string') throw new Refusal(404, error);
      if (typeof status === 'string') pull.status = status;
      if (typeof id !== 'string' || typeof progressDetail !== 'object' || progressDetail === null) continue;
      const { current, total } = { current: 0, total: 0, ...progressDetail };
      if (status === 'Downloading') pull.layers.set(id, { current: Number(current), total: Number(total) });
      if (status === 'Download complete') pull.layers.set(id, { current: 1, total: 1, ...pull.layers.get(id) });
    }
  }
}

function progressOf({ layers, status }: Pull): string {
  const sum = (field: 'current' | 'total') => [...layers.values()].reduce((bytes, layer) => bytes + layer[field], 0);
  const total = sum('total');
  if (total > 0) return `: ${Math.min(100, Math.floor((sum('current') / total) * 100))} % of ${megabytes(total)} MB`;
  return status === '' ? '' : ` (${status.replace(/\.+$/, '')})`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** A registry that says no will say so again; one that cannot be reached may be there later. */
function failureOf(image: string, failure: unknown): AdapterError {
  const why = (failure instanceof Error ? failure.message : String(failure)).replace(/\.?$/, '.');
  const isFinal =
    /manifest|not found|does not exist|denied|unauthorized|invalid reference|no matching/i.test(why) &&
    !/timeout|no such host|connection refused|temporary|EOF/i.test(why);
  const message = `The image ${image} cannot be fetched: ${why}`;
  return new AdapterError(isFinal ? 'invalid' : 'unavailable', message, { cause: failure });
}
