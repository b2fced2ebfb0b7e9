import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { startProgram } from '@user-workspaces/testkit';
import { afterAll, expect, it } from 'vitest';
import { openJournalDatabase } from '../src/journal-database/database.js';

const directory = mkdtempSync(join(tmpdir(), 'uws-journal-'));
afterAll(() => rmSync(directory, { recursive: true }));
const program = new URL('../dist/journal-database/program.js', import.meta.url);

/** The numbers of the pairs of rows that the program wrote, and whether each is whole. */
async function pairsIn(database: Database): Promise<{ numbers: number[]; areWhole: boolean }> {
  const numbersOf = async (letter: string) => {
    const rows = await database.find('users', { where: { username: { contains: `${letter}-` } } });
    return rows.map(({ username }) => Number(username.slice(2)));
  };
  const [numbers, others] = [await numbersOf('a'), await numbersOf('b')];
  return { numbers, areWhole: numbers.join() === others.join() };
}

it('has each transaction that a killed process reported, and no half of one', async () => {
  const file = join(directory, 'killed');
  const writer = await startProgram(program, [file, 'write-pairs', '1000000']);
  await writer.printed(25);
  await writer.kill();
  const reported = writer.lines().length;
  const database = await openJournalDatabase({ file });
  const { numbers, areWhole } = await pairsIn(database);
  await database.close();
  expect(areWhole).toBe(true);
  expect(numbers.slice(0, reported)).toEqual(Array.from({ length: reported }, (_, index) => index + 1));
});

it('drops a last line that a crash has cut anywhere, and nothing else', async () => {
  const file = join(directory, 'cut');
  await (await startProgram(program, [file, 'write-pairs', '3'])).finished();
  const text = await readFile(file, 'utf8');
  const lastLineAt = text.lastIndexOf('\n', text.length - 2) + 1;
  for (let length = lastLineAt; length <= text.length; length += 97) {
    const copy = `${file}-${length}`;
    await copyFile(file, copy);
    truncateSync(copy, length);
    const database = await openJournalDatabase({ file: copy });
    expect(await pairsIn(database)).toEqual({ numbers: [1, 2], areWhole: true });
    await database.close();
  }
  const database = await openJournalDatabase({ file });
  expect((await pairsIn(database)).numbers).toEqual([1, 2, 3]);
  await database.close();
});

it('refuses a file that is damaged in a line that was confirmed', async () => {
  const file = join(directory, 'damaged');
  await (await startProgram(program, [file, 'write-pairs', '3'])).finished();
  const lines = (await readFile(file, 'utf8')).split('\n');
  for (const line of [0, 2]) {
    writeFileSync(file, lines.with(line, '{"rows":').join('\n'));
    await expect(openJournalDatabase({ file })).rejects.toMatchObject({ kind: 'misconfigured' });
  }
  writeFileSync(file, '{"rows":');
  await expect(openJournalDatabase({ file })).rejects.toMatchObject({ kind: 'misconfigured' });
});

it('refuses a second server, until the first has ended', async () => {
  const file = join(directory, 'shared');
  const writer = await startProgram(program, [file, 'write-pairs', '1000000']);
  await writer.printed(1);
  await expect(openJournalDatabase({ file })).rejects.toMatchObject({ kind: 'misconfigured' });
  await writer.kill();
  await (await openJournalDatabase({ file })).close();
});
