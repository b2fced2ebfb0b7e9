import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Replica } from './cluster.js';

/** What a process holds open, by what it is, each with how many of it there are. */
export async function openFilesOf(pid: number): Promise<Map<string, number>> {
  const sockets = await socketsOf(pid);
  const counts = new Map<string, number>();
  for (const name of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${name}`).catch(() => undefined);
    if (target === undefined) continue;
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    const what =
      inode === undefined ? target.replace(/:\[\d+\]$/, '') : (sockets.get(inode) ?? 'a socket of another kind');
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

/** The TCP sockets that a process can see, by inode: what they are connected to. */
async function socketsOf(pid: number): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const table of ['tcp', 'tcp6']) {
    const text = await readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', remote = '', state, , , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined) continue;
      const port = (address: string): number => Number.parseInt(address.split(':')[1] ?? '0', 16);
      found.set(
        inode,
        state === '0A' ? `listens on ${port(local)}` : `from port ${port(local)} to port ${port(remote)}`,
      );
    }
  }
  return found;
}

/**
 * What a server holds open although nobody uses it: sockets, but for the one that it listens on and those to its database, and more of
 * anything else than it held when it was at rest.
 */
export async function leftOpen(
  { pid, port }: Replica,
  atRest: ReadonlyMap<string, number>,
  databasePort: number | undefined,
): Promise<string[]> {
  const present = await openFilesOf(pid);
  return [...present].flatMap(([what, count]) => {
    if (what === `listens on ${port}`) return [];
    if (databasePort !== undefined && what.endsWith(`to port ${databasePort}`)) return [];
    const usual = atRest.get(what) ?? 0;
    return count > usual ? [`${count - usual} × ${what}`] : [];
  });
}
