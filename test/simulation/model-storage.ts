// A model of a storage inside the server's process: its steps stop when the process stops, and end when it dies.
import {
  AdapterError,
  type Entry,
  type Storage,
  type Survey,
  type WorkspaceDirectory,
} from '@user-workspaces/contract';
import { call, type Line } from './calls.js';
import type { Actor, World } from './world.js';

interface File {
  readonly content: string;
  readonly etag: string;
  readonly modifiedAtMs: number;
}

/** A workspace's directory as the world has it. */
export interface Directory {
  readonly files: Map<string, File>;
}

interface Watcher {
  readonly actor: Actor;
  readonly location: string;
  readonly changed: (survey: Survey) => void;
}

export class ModelStorage {
  readonly name = 'disk';
  readonly directories = new Map<string, Directory>();
  /** Staged contents by `<location> <upload id>`. */
  readonly staged = new Map<string, string>();
  readonly #world: World;
  readonly #line: Line;
  readonly #watchers = new Set<Watcher>();
  #lastEtag = 0;

  constructor(world: World) {
    this.#world = world;
    this.#line = { world, rate: 0.015, isRemote: false };
  }

  connect(actor: Actor): Storage {
    const run = <R>(label: string, effect: () => R, signal?: AbortSignal): Promise<R> =>
      call(this.#line, actor, `disk.${label}`, effect, signal);
    const key = ({ location }: WorkspaceDirectory, uploadId: string): string => `${location} ${uploadId}`;
    return {
      name: this.name,
      capabilities: { links: false, surveyLimit: 1_000, surveyNameBytes: 100_000, confinement: 'remote' },
      locate: (account, workspaceId) => `/${account.name}/${workspaceId}`,
      create: (directory, signal) => run(`create ${directory.location}`, () => this.#make(directory), signal),
      destroy: async (directory, signal) => {
        await run(`empty ${directory.location}`, () => this.directories.get(directory.location)?.files.clear(), signal);
        await run(`destroy ${directory.location}`, () => this.#destroy(directory), signal);
      },
      copy: async (from, to, signal) => {
        await run(`copy into ${to.location}`, () => this.#make(to), signal);
        const names = await run(`list ${from.location}`, () => [...this.#open(from).files.keys()], signal);
        for (const name of names) {
          await run(
            `copy ${name} into ${to.location}`,
            () => {
              const content = this.#open(from).files.get(name)?.content;
              if (content !== undefined) this.#put(to, name, content);
            },
            signal,
          );
        }
        if (this.refuses(to.location)) {
          await run(
            `refuse to copy into ${to.location}`,
            () => {
              throw new AdapterError('denied', 'The storage will not have it.');
            },
            signal,
          );
        }
      },
      stat: (directory, path, signal) => run(`stat ${path}`, () => this.#stat(directory, path), signal),
      write: (directory, path, _source, conditions, signal) =>
        run(
          `write ${path}`,
          () => {
            const present = this.directories.get(directory.location)?.files.get(path);
            if (conditions?.ifMatch !== undefined && (present?.etag ?? null) !== conditions.ifMatch) {
              throw new AdapterError('conflict', `${path} has changed.`);
            }
            return this.#put(directory, path, '');
          },
          signal,
        ),
      uploadedBytes: (directory, uploadId, signal) =>
        run('measure an upload', () => this.staged.get(key(directory, uploadId))?.length ?? 0, signal),
      appendUpload: async (directory, uploadId, _offset, source, signal) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of source) chunks.push(chunk);
        const content = Buffer.concat(chunks).toString();
        return run(
          `stage in ${directory.location}`,
          () => {
            if (this.#world.faults.strikes('no-space', 0.02)) throw new AdapterError('no_space', 'The disk is full.');
            this.#open(directory);
            if (content !== '') this.staged.set(key(directory, uploadId), content);
            return content.length;
          },
          signal,
        );
      },
      finishUpload: (directory, uploadId, path, _conditions, signal) =>
        run(
          `put ${path} into ${directory.location}`,
          () => {
            const content = this.staged.get(key(directory, uploadId));
            if (content === undefined) throw new AdapterError('not_found', 'The upload is gone.');
            const entry = this.#put(directory, path, content);
            this.staged.delete(key(directory, uploadId));
            return entry;
          },
          signal,
        ),
      abandonUpload: (directory, uploadId, signal) =>
        run(
          `abandon an upload in ${directory.location}`,
          () => void this.staged.delete(key(directory, uploadId)),
          signal,
        ),
      survey: (directory, signal) => run(`survey ${directory.location}`, () => surveyOf(this.#open(directory)), signal),
      watch: ({ location }, changed, signal) => {
        const watcher = { actor, location, changed };
        this.#watchers.add(watcher);
        signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
        this.#report(watcher);
      },
      checkLinkTarget: () => unsupported(),
      link: () => unsupported(),
      makeDirectory: () => unsupported(),
      rename: () => unsupported(),
      remove: () => unsupported(),
      read: () => unsupported(),
      list: () => none(),
      walk: () => none(),
      check: async () => ({ connected: true, message: 'The model answers.' }),
      close: async () => undefined,
    };
  }

  /** Whether no copy can ever be made here. */
  refuses(location: string): boolean {
    return this.#world.faults.lasts('refused', Number(location.split('/').at(-1)), 0.15);
  }

  disconnect(actor: Actor): void {
    for (const watcher of this.#watchers) if (watcher.actor === actor) this.#watchers.delete(watcher);
  }

  #make({ location }: WorkspaceDirectory): void {
    if (!this.directories.has(location)) this.directories.set(location, { files: new Map() });
  }

  #open({ location }: WorkspaceDirectory): Directory {
    const directory = this.directories.get(location);
    if (!directory) throw new AdapterError('not_found', `${location} does not exist.`);
    return directory;
  }

  #destroy({ location }: WorkspaceDirectory): void {
    this.directories.delete(location);
    for (const key of this.staged.keys()) if (key.startsWith(`${location} `)) this.staged.delete(key);
  }

  #stat(directory: WorkspaceDirectory, path: string): Entry {
    const { files } = this.#open(directory);
    if (path === '') return { path, kind: 'directory', sizeBytes: 0, modifiedAtMs: 0, etag: 'directory' };
    const file = files.get(path);
    if (!file) throw new AdapterError('not_found', `${path} does not exist.`);
    return entryOf(path, file);
  }

  #put(directory: WorkspaceDirectory, path: string, content: string): Entry {
    const file = { content, etag: String(++this.#lastEtag), modifiedAtMs: this.#world.nowMs };
    this.#open(directory).files.set(path, file);
    for (const watcher of this.#watchers) if (watcher.location === directory.location) this.#report(watcher);
    return entryOf(path, file);
  }

  /** Tells a watcher what is there, as it was some time ago when it is heard. */
  #report(watcher: Watcher): void {
    if (this.#world.faults.strikes('lost-push', 0.05)) return;
    const { outside, random } = this.#world;
    this.#world.after(random.below(1_000), outside, `a change of ${watcher.location} is seen`, () => {
      const directory = this.directories.get(watcher.location);
      if (!directory || !this.#watchers.has(watcher)) return;
      const survey = surveyOf(directory);
      this.#world.after(random.below(500), watcher.actor, `is told of ${watcher.location}`, () => {
        if (this.#watchers.has(watcher)) watcher.changed(survey);
      });
    });
  }
}

function entryOf(path: string, { content, etag, modifiedAtMs }: File): Entry {
  return { path, kind: 'file', sizeBytes: content.length, modifiedAtMs, etag };
}

/** What a survey says of a directory. */
export function surveyOf({ files }: Directory): Survey {
  const diskSpaceBytes = [...files.values()].reduce((sum, { content }) => sum + content.length, 0);
  return { diskSpaceBytes, files: [...files.keys()].map((name) => `/${name}`).sort(), symlinks: [] };
}

async function unsupported(): Promise<never> {
  throw new AdapterError('unsupported', 'The model does not offer this.');
}

async function* none(): AsyncGenerator<Entry> {}
