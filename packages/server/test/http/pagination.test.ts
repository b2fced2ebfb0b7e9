import { expect, test } from 'vitest';
import { pageOf, pageOrder } from '../../src/http/pagination.js';

const rows = [1, 2, 3].map((id) => ({ id }));

test('without a limit all rows are one page', () => {
  expect(pageOrder({})).toEqual({ orderBy: [['id', 'asc']], where: {} });
  expect(pageOf(rows, {})).toEqual({ rows, next: {} });
});

test('a page asks for one row more and hands out a cursor only if that row is there', () => {
  expect(pageOrder({ limit: 2 }).limit).toBe(3);
  expect(pageOf(rows, { limit: 3 }).next).toEqual({});
  const { rows: page, next } = pageOf(rows, { limit: 2 });
  expect(page.map(({ id }) => id)).toEqual([1, 2]);
  expect(pageOrder({ limit: 2, cursor: next.next_cursor ?? '' }).where).toEqual({ id: { gt: 2 } });
});

test('descending pages go on below the last row', () => {
  const { next } = pageOf([...rows].reverse(), { limit: 2, order: '-id' });
  expect(pageOrder({ limit: 2, order: '-id', cursor: next.next_cursor ?? '' })).toMatchObject({
    orderBy: [['id', 'desc']],
    where: { id: { lt: 2 } },
  });
});

test.each([
  '',
  'x',
  Buffer.from('["id","1"]').toString('base64url'),
  Buffer.from('["-id",1]').toString('base64url'),
])('the cursor %j is refused in ascending order', (cursor) => {
  expect(() => pageOrder({ cursor })).toThrow(/not a cursor/);
});
