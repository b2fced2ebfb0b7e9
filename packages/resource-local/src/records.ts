import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  chmod,
  chown,
  constants,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';
import { hasCode, unlessMissing } from '@user-workspaces/launch';
import {
  isLaunchRecord,
  type LaunchRecord,
  type LaunchState,
  parseResult,
  parseStarted,
  parseSupervisor,
} from './state.js';

/** Seconds since boot, by the clock that the supervisor reads too: setting the time of day does not move it. */
export function uptimeSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
}

/**
 * The directory of launches, one directory per launch key. It belongs to the server, is closed to the accounts of the jobs, and is all
 * that server and supervisors know: either may be killed at any time.
 */
export class Records {
  /** Files are written once, so what was read complete is not read again. */
  private readonly known = new Map<string, LaunchState>();

  private constructor(
    readonly root: string,
    readonly bootId: string,
  ) {}

  static async open(root: string): Promise<Records> {
    await mkdir(`${root}/.changed`, { recursive: true, mode: 0o700 });
    const { uid, mode } = await stat(root);
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) {
      throw new AdapterError(
        'misconfigured',
        `The directory ${root} keeps the records of jobs: it must belong to the server's own account, and nobody else may write to it.`,
        { field: 'recordsDirectory' },
      );
    }
    await chmod(root, 0o711);
    return new Records(root, (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
  }

  directory(launchKey: string): string {
    return `${this.root}/${launchKey}`;
  }

  /** Directory in which a supervisor leaves a mark, named after the launch, when something has changed. */
  get changes(): string {
    return `${this.root}/.changed`;
  }

  async keys(): Promise<string[]> {
    await stat(this.changes); // As in `read`: an empty directory in the place of the records says nothing.
    return (await readdir(this.root)).filter((name) => /^[0-9a-f]{32}$/.test(name));
  }

  /** Makes the directory of a launch with these files, whole or not at all; false when there is one. */
  async create(launchKey: string, files: Readonly<Record<string, string>>, logOwner?: number): Promise<boolean> {
    const made = `${this.root}/.new-${launchKey}-${randomBytes(6).toString('hex')}`;
    await mkdir(made, { mode: 0o700 });
    try {
      for (const [name, content] of Object.entries(files)) {
        await writeFile(`${made}/${name}`, content, { mode: 0o600, flag: 'wx', flush: true });
      }
      // The log is the account's, so that a program may open /dev/stdout; its directory is not.
      if (logOwner !== undefined && process.geteuid?.() === 0) await chown(`${made}/log`, logOwner, -1);
      await rename(made, this.directory(launchKey));
      const root = await open(this.root);
      await root.sync().finally(() => root.close());
      return true;
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      throw error;
    }
  }

  /** Writes a file of a launch, whole or not at all, unless it is there; false when it is, or when the launch is not known. */
  async writeOnce(launchKey: string, name: string, line: string): Promise<boolean> {
    try {
      await this.putInPlace(launchKey, name, line, link);
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOENT')) return false;
      throw error;
    }
  }

  /** Writes a file of a launch, in place of what is there; a reader sees the one or the other. */
  async replace(launchKey: string, name: string, line: string): Promise<void> {
    await this.putInPlace(launchKey, name, line, rename);
  }

  private async putInPlace(launchKey: string, name: string, line: string, put: typeof link): Promise<void> {
    const path = `${this.directory(launchKey)}/${name}`;
    const made = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(made, `${line}\n`, { mode: 0o600, flag: 'wx' });
    try {
      await put(made, path);
    } finally {
      await rm(made, { force: true });
    }
  }

  /** Whether a launch has this file, complete or not. */
  has(launchKey: string, name: string): Promise<boolean> {
    return exists(`${this.directory(launchKey)}/${name}`);
  }

  /** First line of a file and when it was written; `undefined` while there is none, or none complete. */
  line(launchKey: string, name: string): Promise<Line | undefined> {
    return firstLine(`${this.directory(launchKey)}/${name}`);
  }

  /** What is recorded now; `undefined` for an unknown key. Throws when the records cannot be read or make no sense. */
  async read(launchKey: string): Promise<LaunchState | undefined> {
    const path = this.directory(launchKey);
    const directory = await unlessMissing(open(path, constants.O_RDONLY | constants.O_DIRECTORY));
    if (!directory) {
      await stat(this.changes); // Without it this is no directory of records, and nothing follows from an absence.
      this.known.delete(launchKey); // Another process may have removed it.
      return undefined;
    }
    try {
      const known = this.known.get(launchKey);
      if (known?.result) return known;
      // All files are looked for in the directory that was found, also when it goes away and comes back meanwhile; and the last one
      // written is read first, so that a launch with a result has all that came before it.
      const found = `/proc/self/fd/${directory.fd}`;
      const result = parseResult(await firstLine(`${found}/result`));
      const started = known?.started ?? parseStarted(await firstLine(`${found}/started`));
      const supervisor = known?.supervisor ?? parseSupervisor((await firstLine(`${found}/supervisor`))?.words);
      const stop = known?.stoppedAtUptimeSeconds ?? (await firstLine(`${found}/stop`))?.words[0];
      const record = known?.record ?? (await readRecord(`${found}/launch.json`, launchKey));
      const state: LaunchState = {
        launchKey,
        claimed: supervisor !== undefined || (await exists(`${found}/supervisor`)),
        ...(record && { record }),
        ...(supervisor && { supervisor }),
        ...(started && { started }),
        ...(stop !== undefined && { stoppedAtUptimeSeconds: Number(stop) }),
        ...(result && { result }),
      };
      if (record) this.known.set(launchKey, state);
      return state;
    } finally {
      await directory.close();
    }
  }

  /** Removes all about a launch, at once for every reader. */
  async remove(launchKey: string): Promise<void> {
    const gone = `${this.root}/.gone-${launchKey}-${randomBytes(6).toString('hex')}`;
    this.known.delete(launchKey);
    try {
      await rename(this.directory(launchKey), gone);
      await rm(gone, { recursive: true, force: true });
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    // Last, as the supervisor may leave it until its directory is gone; and also of a launch that a killed server has removed but for this.
    await rm(`${this.changes}/${launchKey}`, { force: true });
  }

  /** Removes what a server killed half-way through {@link create} or {@link remove} left. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.root)) {
      if (!name.startsWith('.new-') && !name.startsWith('.gone-')) continue;
      const path = `${this.root}/${name}`;
      // Another server may be at work with a fresh one.
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > 60_000) await rm(path, { recursive: true, force: true });
    }
  }
}

interface Line {
  readonly words: string[];
  readonly writtenAtMs: number;
}

async function firstLine(path: string): Promise<Line | undefined> {
  const file = await unlessMissing(open(path));
  if (!file) return undefined;
  try {
    const text = await file.readFile('utf8');
    const end = text.indexOf('\n');
    if (end < 0) return undefined;
    return { words: text.slice(0, end).split(' '), writtenAtMs: Math.round((await file.stat()).mtimeMs) };
  } finally {
    await file.close();
  }
}

async function readRecord(path: string, launchKey: string): Promise<LaunchRecord | undefined> {
  const text = await unlessMissing(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const record: unknown = JSON.parse(text);
  if (!isLaunchRecord(record)) throw new Error(`The launch.json of launch ${launchKey} is damaged.`);
  return record;
}

async function exists(path: string): Promise<boolean> {
  return (await unlessMissing(stat(path))) !== undefined;
}
