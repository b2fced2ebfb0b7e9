import { readdir, readlink } from 'node:fs/promises';

/** How many files and directories below a directory this process holds open. Linux only. */
export async function openFilesBelow(directory: string): Promise<number> {
  return (await pathsOpenBelow(directory)).length;
}

/** The paths of what this process holds open below a directory. Linux only. */
export async function pathsOpenBelow(directory: string): Promise<string[]> {
  const paths = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return paths.filter((path) => path === directory || path.startsWith(`${directory}/`));
}
