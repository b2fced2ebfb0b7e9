import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AdapterError } from '@user-workspaces/contract';

/** A process, told apart from later ones with the same number. */
interface Holder {
  readonly pid: number;
  /** When it started, in the words of the system; on Linux with the boot it belongs to. */
  readonly start: string;
}

/** The right to be the only server of a data directory. */
export interface DataLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of a data directory. A lock whose process is gone is taken over, so a crash leaves nothing to clean up.
 *
 * Processes in other containers are not seen: give each server a data directory of its own.
 *
 * @throws AdapterError `conflict` when another server holds it.
 */
export async function acquireLock(file: string, dataDirectory: string): Promise<DataLock> {
  const own = `${file}.${process.pid}-${randomBytes(6).toString('hex')}`;
  const start = await startOf(process.pid);
  const content = `${JSON.stringify({ pid: process.pid, start: start ?? '' } satisfies Holder)}\n`;
  await writeFile(own, content, { mode: 0o600, flag: 'wx' });
  try {
    // A link appears whole or not at all, and of several only one succeeds.
    while (!(await attempt(() => link(own, file), 'EEXIST'))) await removeStale(file, dataDirectory);
  } finally {
    await unlink(own);
  }
  return {
    async release() {
      // After a take-over by mistake the file would be another server's.
      if ((await readText(file)) === content) await unlink(file);
    },
  };
}

async function removeStale(file: string, dataDirectory: string): Promise<void> {
  const seen = await readText(file);
  if (seen === undefined) return;
  const holder = parse(seen);
  if (holder && (await isAlive(holder))) {
    throw new AdapterError(
      'conflict',
      `Another server (process ${holder.pid}) uses the data directory ${dataDirectory}. Stop it first, or set UWS_DATA_DIR to another directory.`,
      { field: 'data_dir' },
    );
  }
  const aside = `${file}.stale-${process.pid}-${randomBytes(6).toString('hex')}`;
  if (!(await attempt(() => rename(file, aside), 'ENOENT'))) return;
  // Another start may have taken over between reading and renaming: then it gets its lock back.
  if ((await readText(aside)) !== seen) await attempt(() => link(aside, file), 'EEXIST');
  await unlink(aside);
}

function parse(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('start' in value)) return undefined;
    const { pid, start } = value;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof start === 'string'
      ? { pid, start }
      : undefined;
  } catch {
    // A crash of the machine can leave an empty file.
    return undefined;
  }
}

async function isAlive({ pid, start }: Holder): Promise<boolean> {
  const present = await startOf(pid);
  return present !== undefined && present === start;
}

/** When a process started; `undefined` when there is none with this number. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    try {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
      return stdout.trim() || undefined;
    } catch {
      // ps ends with 1 when there is no such process.
      return undefined;
    }
  }
  const stat = await readText(`/proc/${pid}/stat`);
  const boot = await readText('/proc/sys/kernel/random/boot_id');
  // The program's name, in parentheses, may itself hold spaces and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields?.[19];
  return ticks === undefined || fields?.[0] === 'Z' ? undefined : `${boot?.trim()} ${ticks}`;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}

/** False when the action fails with this code. */
async function attempt(action: () => Promise<void>, code: string): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return false;
    throw error;
  }
}
