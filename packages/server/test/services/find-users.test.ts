import type { Identity } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUserRow } from '../../src/services/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

const people: readonly Identity[] = [
  { username: 'lovelace', email: 'countess@example.org', firstName: 'Ada', lastName: 'Lovelace' },
  { username: 'al', email: 'turing@example.org', firstName: 'Alan Mathison', lastName: 'Turing' },
  { username: 'nameless', email: 'n.n@example.org', firstName: '', lastName: '' },
  { username: 'grace', email: 'hopper@navy.example', firstName: 'Grace', lastName: 'Hopper' },
  { username: 'grace2', email: 'gracious@example.org', firstName: 'Gracia', lastName: 'O' },
  { username: 'admin', email: 'root@example.org', firstName: 'Root', lastName: 'Root' },
];

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
  await fixture.database.transaction(async (rows) => {
    for (const person of people) await rows.insert('users', newUserRow(person, 0));
  });
});
afterEach(() => fixture.close());

async function search(text: string, more = ''): Promise<string[]> {
  const response = await fixture.call(`/users/?search=${encodeURIComponent(text)}${more}`);
  expect(response.status).toBe(200);
  const answer: { data: { users: { username: string }[] } } = await response.json();
  return answer.data.users.map(({ username }) => username);
}

describe('in a closed directory', () => {
  it.each([
    ['a whole user name', 'al', ['al']],
    ['a whole e-mail address, whatever its case', 'Turing@Example.org', ['al']],
    ['the beginning of an e-mail address', 'hopper@n', ['grace']],
    ['the beginning of a first name', 'ada', ['lovelace']],
    ['the beginning of a further name', 'mathi', ['al']],
    ['the beginning of a last name', 'LOVE', ['lovelace']],
    ['first and last name', 'Ada Lovelace ', ['lovelace']],
    ['several people', 'gra', ['grace', 'grace2']],
  ])('%s finds', async (_, text, expected) => {
    expect(await search(text)).toEqual(expected);
  });

  it.each([
    '',
    ' ',
    '@',
    'a',
    'gr',
    '@example.org',
    'example.org',
    'org',
    'urin',
    '   ',
    ' \n',
    ' \nn',
    'admin',
    '%%%',
  ])('%j finds nobody', async (text) => {
    expect(await search(text)).toEqual([]);
  });

  it('pages through what it finds', async () => {
    expect(await search('gra', '&limit=1')).toEqual(['grace']);
    const answer = await (await fixture.call('/users/?search=gra&limit=1')).json();
    expect(await search('gra', `&limit=1&cursor=${answer.data.next_cursor}`)).toEqual(['grace2']);
    expect(await search('grace', '&limit=1')).toEqual(['grace']);
  });

  it('finds the few among many whose addresses contain the text', async () => {
    await fixture.database.transaction(async (rows) => {
      for (let number = 0; number < 1_200; number++) {
        const person = { username: `p${number}`, email: `p${number}@grand.example`, firstName: 'P', lastName: 'Q' };
        await rows.insert('users', newUserRow(person, 0));
      }
      const last = { username: 'last', email: 'last@example.org', firstName: 'Last', lastName: 'Granger' };
      await rows.insert('users', newUserRow(last, 0));
    });
    expect(await search('gran')).toEqual(['last']);
  });
});

it('in an open one any part finds', async () => {
  await fixture.database.transaction((rows) =>
    rows.insert('settings', { name: 'directory', value: { is_open: true } }),
  );
  expect(await search('@')).toEqual(['lovelace', 'al', 'nameless', 'grace', 'grace2']);
  expect(await search('')).toHaveLength(5);
});
