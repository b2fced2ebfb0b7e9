import { randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import type { Database } from '@user-workspaces/contract';
import { madeOnce } from '@user-workspaces/server';

/** What the data directory remembers. Written by this module alone, whole or not at all. */
interface Memory {
  readonly id: string;
  /** Of the file itself: a copy of it, in a copied directory, has another. */
  readonly inode: number;
}

/**
 * Who this installation is, to engines that several may use. Made once, at random, and kept in the database under the place where that is, so that all servers on one database agree; and in
 * the data directory, so that a database or a directory that was moved keeps it. A copy of the database that is served from a data directory of its own gets another one, and so does a copy of the data directory:
 * neither may touch what the original runs.
 *
 * @param place Names where the database is.
 * @param file Of the data directory, of which no other server is at work.
 */
export async function installationId(database: Database, place: string, file: string): Promise<string> {
  const remembered = await remember(file);
  const make = () => remembered ?? randomBytes(16).toString('hex');
  const id = await madeOnce(database, `installation-${place}`, 'id', make);
  if (id !== remembered) await keep(file, id);
  return id;
}

async function remember(file: string): Promise<string | undefined> {
  const handle = await open(file).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return undefined;
  try {
    const { id, inode }: Memory = JSON.parse(await handle.readFile('utf8'));
    return inode === (await handle.stat()).ino ? id : undefined;
  } finally {
    await handle.close();
  }
}

async function keep(file: string, id: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    const memory: Memory = { id, inode: (await handle.stat()).ino };
    await handle.writeFile(JSON.stringify(memory));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
