import { readFile } from 'node:fs/promises';

/** A range of ids that the system has lent to somebody for user namespaces (subuid(5)). */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** The ranges in /etc/subuid and /etc/subgid; a file that does not exist lends nothing. */
export async function readSubordinateRanges(
  files: readonly string[] = ['/etc/subuid', '/etc/subgid'],
): Promise<IdRange[]> {
  return (await Promise.all(files.map(readRanges))).flat();
}

async function readRanges(file: string): Promise<IdRange[]> {
  try {
    const text = await readFile(file, 'utf8');
    return text.split('\n').flatMap((line) => {
      const [, first, count] = /^[^:#]+:(\d{1,10}):(\d{1,10})$/.exec(line.trim()) ?? [];
      return first === undefined || count === undefined ? [] : [{ first: Number(first), count: Number(count) }];
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
