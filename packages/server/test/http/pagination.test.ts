import { expect, test } from 'vitest';
import { mergedPart, type PagePart, type PageQuery, readPage } from '../../src/http/pagination.js';

interface Row {
  readonly id: number;
  readonly text: string;
}

/** A table with ids from 1 on, and how many rows each read asked for. */
function table(count: number, bytesOf: (id: number) => number = () => 1) {
  const rows = Array.from({ length: count }, (_, index) => ({ id: index + 1, text: 'x'.repeat(bytesOf(index + 1)) }));
  const asked: number[] = [];
  const read = async ({ orderBy, limit, where: { id } }: PagePart): Promise<Row[]> => {
    asked.push(limit);
    const ordered = orderBy[0]?.[1] === 'desc' ? [...rows].reverse() : rows;
    return ordered.filter((row) => id === undefined || ('gt' in id ? row.id > id.gt : row.id < id.lt)).slice(0, limit);
  };
  const page = async (query: PageQuery, listBytes = 1_000_000, rowsAtOnce?: number) => {
    const { rows: found, next } = await readPage({ list_bytes: listBytes }, query, read, rowsAtOnce);
    return { ids: found.map((row) => row.id), cursor: next.next_cursor };
  };
  return { page, asked };
}

const to = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('without a limit all rows are one page, read in parts', async () => {
  const { page, asked } = table(250);
  expect(await page({})).toEqual({ ids: to(250), cursor: undefined });
  expect(asked).toEqual([101, 101, 101]);
  expect(await table(0).page({})).toEqual({ ids: [], cursor: undefined });
});

test('a page asks for one row more and hands out a cursor only if that row is there', async () => {
  const { page, asked } = table(3);
  expect(await page({ limit: 3 })).toEqual({ ids: [1, 2, 3], cursor: undefined });
  const first = await page({ limit: 2 });
  expect(first.ids).toEqual([1, 2]);
  expect(await page({ limit: 2, cursor: first.cursor ?? '' })).toEqual({ ids: [3], cursor: undefined });
  expect(asked).toEqual([4, 3, 3]);
});

test('descending pages go on below the last row', async () => {
  const { page } = table(5);
  const first = await page({ limit: 2, order: '-id' });
  expect(first.ids).toEqual([5, 4]);
  expect((await page({ limit: 3, order: '-id', cursor: first.cursor ?? '' }, undefined, 2)).ids).toEqual([3, 2, 1]);
});

test('a page of more than one part is as long as its limit', async () => {
  const { page, asked } = table(1_000);
  const { ids, cursor } = await page({ limit: 230 });
  expect(ids).toEqual(to(230));
  expect(cursor).toBeDefined();
  expect(asked).toEqual([101, 101, 31]);
});

test('a page of too many bytes ends early, and its cursor goes on', async () => {
  const { page } = table(30, () => 1_000);
  const seen: number[] = [];
  let cursor: string | undefined;
  do {
    const part = await page({ limit: 1_000, ...(cursor !== undefined && { cursor }) }, 5_000, 2);
    expect(part.ids.length).toBeLessThanOrEqual(6);
    seen.push(...part.ids);
    cursor = part.cursor;
  } while (cursor !== undefined);
  expect(seen).toEqual(to(30));
});

test('a whole list of too many bytes is refused before it is read, with the way to get it', async () => {
  const { page, asked } = table(1_000, () => 1_000);
  await expect(page({}, 150_000)).rejects.toMatchObject({
    code: 'too_large',
    message: expect.stringMatching(/in pages with `limit`.*150000 bytes \(list_bytes\)/),
    details: { name: 'list_bytes', limit: 150_000 },
  });
  expect(asked).toEqual([101, 101]);
});

test('several reads of a part give what one would: each row once, in order, no more than asked for', () => {
  const rows = (...ids: number[]) => ids.map((id) => ({ id }));
  expect(mergedPart({}, rows(1, 4), rows(2, 4))).toEqual(rows(1, 2, 4));
  expect(mergedPart({ orderBy: [['id', 'desc']], limit: 2 }, rows(4, 1), rows(3, 2))).toEqual(rows(4, 3));
});

test.each([
  '',
  'x',
  Buffer.from('["id","1"]').toString('base64url'),
  Buffer.from('["-id",1]').toString('base64url'),
])('the cursor %j is refused in ascending order', async (cursor) => {
  await expect(table(1).page({ cursor })).rejects.toThrow(/not a cursor/);
});
