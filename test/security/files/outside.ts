import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, link, lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that no request and no job may touch, with a word in their names and contents that no answer may hold. */
export interface Outside {
  readonly directory: string;
  /** A file that its owner alone may read. */
  readonly closedFile: string;
  /** The word. */
  readonly canary: string;
  /** What is there now: of each entry name, kind, owner, mode, times, link count and content. */
  photograph(): Promise<readonly string[]>;
}

/**
 * Makes the files: their names are those that attacks use in the workspace, so that an operation which is led outside finds something.
 *
 * @param owner Of a second directory, `own`, which an ill-led server could change even as a plain user.
 */
export async function makeOutside(directory: string, owner: number): Promise<Outside> {
  const canary = `canary${randomBytes(8).toString('hex')}`;
  for (const part of ['', 'own']) {
    const place = join(directory, part);
    for (const inner of ['s/t', canary]) await mkdir(join(place, inner), { recursive: true });
    for (const name of ['f', 'from', 's/f', 's/t/f', `${canary}/f`, `${canary}.txt`]) {
      await writeFile(join(place, name), `${canary} of ${name}`, { mode: name === 's/f' ? 0o600 : 0o644 });
    }
    await symlink(canary, join(place, 'l'));
    await link(join(place, 'f'), join(place, 'second-name'));
    await chmod(place, 0o755);
  }
  const own = join(directory, 'own');
  for (const name of ['', ...(await readdir(own, { recursive: true }))]) {
    const path = join(own, name);
    if (process.getuid?.() === 0 && !(await lstat(path)).isSymbolicLink()) await chown(path, owner, owner);
  }
  const closedFile = join(directory, 'shadow');
  await writeFile(closedFile, `${canary} of the host`, { mode: 0o600 });
  return { directory, closedFile, canary, photograph: () => photographOf(directory) };
}

/** Describes everything below a directory, and itself. */
export async function photographOf(directory: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of ['', ...(await readdir(directory, { recursive: true })).sort()]) {
    const path = join(directory, name);
    const stats = await lstat(path, { bigint: true });
    const content = stats.isSymbolicLink() ? await readlink(path) : stats.isFile() ? hashOf(await readFile(path)) : '';
    const { uid, gid, mode, ino, nlink, mtimeNs, ctimeNs } = stats;
    lines.push([name, uid, gid, mode.toString(8), ino, nlink, mtimeNs, ctimeNs, content].join(' '));
  }
  return lines;
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
