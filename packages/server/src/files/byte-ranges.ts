import type { ByteRange } from '@user-workspaces/contract';

/** What a `Range` header means for a file: the whole file, a part, or nothing that the file has. */
export type WantedRange = ByteRange | 'whole' | 'unsatisfiable';

/**
 * Reads a `Range` header. As HTTP wants it, one that is malformed, in another unit, or asks for several parts counts as
 * absent.
 */
export function parseRange(header: string | undefined, sizeBytes: number): WantedRange {
  const match = /^bytes=\s*(\d{0,16})-(\d{0,16})\s*$/i.exec(header ?? '');
  if (!match) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}
