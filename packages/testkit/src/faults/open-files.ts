import { readdir, readlink } from 'node:fs/promises';

/** How many files and directories below a directory this process holds open. Linux only. */
export async function openFilesBelow(directory: string): Promise<number> {
  const paths = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return paths.filter((path) => path === directory || path.startsWith(`${directory}/`)).length;
}
