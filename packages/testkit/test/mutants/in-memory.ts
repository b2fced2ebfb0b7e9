import { existsSync, statfsSync } from 'node:fs';

const directory = '/dev/shm';
const enoughBytes = 2 ** 30;

/** Worlds are made in memory where there is room for them: hundreds of them would wait for a disk, which no guarantee is about. */
if (existsSync(directory)) {
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= enoughBytes) process.env.TMPDIR = directory;
}
