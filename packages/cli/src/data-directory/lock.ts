import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AdapterError } from '@user-workspaces/contract';

/** The right to be the only server of a data directory. */
export interface DataLock {
  release(): Promise<void>;
}

/** What is in the claim of the server that holds the lock. */
const held = 'held';

/** So long others may take that start at the same time. */
const patienceMs = 30_000;

/**
 * Takes the lock of a data directory. What a process left that is gone does not count and is removed, so a crash leaves
 * nothing to clean up.
 *
 * Each server puts a claim of its own in `locks`, then looks for those of others: of two that do so at once, at least one
 * sees the other. The one that sees none writes into its claim that it holds the lock. Of several that see each other, the first by name stays
 * until the others have withdrawn, however long each step takes. No claim is ever taken from somebody else.
 *
 * Processes in other containers are not seen: give each server a data directory of its own.
 *
 * @param locks Directory for claims; made if it is missing.
 * @throws AdapterError `conflict` when another server holds it.
 */
export async function acquireLock(locks: string, dataDirectory: string): Promise<DataLock> {
  await mkdir(locks, { recursive: true, mode: 0o700 });
  const start = (await startOf(process.pid)) ?? '';
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const name = `${process.pid}.${digest(start)}.${randomBytes(6).toString('hex')}`;
    const path = join(locks, name);
    const release = (): Promise<void> => rm(path, { force: true });
    await writeFile(path, '', { mode: 0o600, flag: 'wx' });
    try {
      for (;;) {
        const others = await livingClaims(locks, name);
        if (others.length === 0) {
          await writeFile(path, held);
          return { release };
        }
        const first = others.find(({ isHeld }) => isHeld) ?? others[0];
        if (first && (first.isHeld || performance.now() > deadlineMs)) {
          throw new AdapterError(
            'conflict',
            `Another server (process ${first.pid}) uses the data directory ${dataDirectory}. Stop it first, or set UWS_DATA_DIR to another directory.`,
            { field: 'data_dir' },
          );
        }
        if (others.some((other) => other.name < name)) break;
        await delay(20);
      }
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    await delay(20 + Math.random() * 100);
  }
}

interface Claim {
  readonly name: string;
  readonly pid: number;
  readonly isHeld: boolean;
}

/** Claims of others that live; those of processes that are gone are removed. */
async function livingClaims(locks: string, own: string): Promise<Claim[]> {
  const living: Claim[] = [];
  for (const name of await readdir(locks)) {
    const [, pid, start] = /^(\d{1,10})\.([0-9a-f]{32})\.[0-9a-f]{12}$/.exec(name) ?? [];
    if (name === own || pid === undefined || start === undefined) continue;
    const path = join(locks, name);
    const present = await startOf(Number(pid));
    if (present === undefined || digest(present) !== start) {
      await rm(path, { force: true });
      continue;
    }
    const content = await readText(path);
    if (content !== undefined) living.push({ name, pid: Number(pid), isHeld: content === held });
  }
  return living;
}

function digest(start: string): string {
  return createHash('sha256').update(start).digest('hex').slice(0, 32);
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
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
