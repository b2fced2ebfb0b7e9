import type { DatabaseReader, JobRow, Query, Row, TableName } from '@user-workspaces/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SessionDirectory } from '../../src/services/session-directory.js';
import { SessionOwners } from '../../src/services/session-owners.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
/** Whose sessions have ended. */
let ended: number[];
/** Users whose sessions were closed. */
let shutOut: number[];
/** The statements, by their tables. */
let asked: TableName[];
let nowMs: number;
/** What happens after rows were read and before they arrive. */
let meanwhile: (table: TableName) => Promise<void>;
let owners: SessionOwners;
let directory: SessionDirectory;

beforeEach(async () => {
  fixture = await startFixture();
  ended = [];
  shutOut = [];
  asked = [];
  nowMs = 1_000_000;
  meanwhile = async () => undefined;
  const database: Pick<DatabaseReader, 'find'> = {
    async find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> {
      asked.push(table);
      const rows = await fixture.database.find(table, query);
      await meanwhile(table);
      return rows;
    },
  };
  owners = new SessionOwners(database, (userId) => shutOut.push(userId));
  await owners.read([fixture.user.id]);
  asked = [];
  directory = new SessionDirectory(
    database,
    owners,
    (jobId) => ended.push(jobId),
    () => nowMs,
  );
});
afterEach(() => fixture.close());

const runningAt = (port: number, changes: Partial<JobRow> = {}): Promise<JobRow> =>
  fixture.addJob({
    status: 'running',
    session_host: '127.0.0.1',
    session_port: port,
    session_base_path: 'strip',
    ...changes,
  });

const end = (row: JobRow): Promise<JobRow> =>
  fixture.context.journal.transaction((transaction) => transaction.changeJob(row, { status: 'complete' }));

const setActive = (is_active: boolean): Promise<unknown> =>
  fixture.database.transaction((rows) => rows.update('users', { id: fixture.user.id }, { is_active }));

const raiseEpoch = (): Promise<unknown> =>
  fixture.database.transaction((rows) => rows.increment('users', fixture.user.id, 'session_epoch', 1));

const label = (port: number): string => `127-0-0-1-${port}`;

test('a job that reports the port of another running one does not get its host name, until the other has ended', async () => {
  const [first, second] = [await runningAt(5000), await runningAt(5000)];
  directory.update(first);
  directory.update(second);
  expect(directory.byLabel(label(5000))?.jobId).toBe(first.id);
  // Any later change of the second changes nothing of that.
  directory.update(second);
  expect(directory.byLabel(label(5000))?.jobId).toBe(first.id);
  directory.update({ ...first, status: 'complete' });
  expect(ended).toEqual([first.id]);
  expect(directory.byLabel(label(5000))?.jobId).toBe(second.id);
  directory.update({ ...second, status: 'complete' });
  expect(directory.byLabel(label(5000))).toBeUndefined();
  expect(directory.size).toBe(0);
});

test('a row that is older than the newest known one changes nothing, whether the job runs or has ended', async () => {
  const row = await runningAt(5000);
  directory.update({ ...row, version: 3, session_port: 5001 });
  directory.update({ ...row, version: 2 });
  expect(directory.byJob(row.id)?.port).toBe(5001);
  directory.update({ ...row, version: 5, status: 'complete' });
  directory.update({ ...row, version: 4 });
  expect(directory.byJob(row.id)).toBeUndefined();
  expect(directory.byLabel(label(5000))).toBeUndefined();
});

const readings: [string, (id: number) => Promise<void> | undefined][] = [
  ['all running jobs', () => directory.refresh()],
  ['one job', (id) => directory.confirmJob(id)],
  ['a host name', () => directory.confirmLabel(label(5000))],
];

test.each(
  readings.flatMap(([what, read]) => [true, false].map((isKnown) => ({ what, read, isKnown }))),
)('a job whose end is committed while $what is read gets no route again; known before: $isKnown', async ({
  read,
  isKnown,
}) => {
  const row = await runningAt(5000);
  if (isKnown) directory.update(row);
  meanwhile = async () => {
    meanwhile = async () => undefined;
    directory.update(await end(row));
  };
  await read(row.id);
  expect(asked.length).toBeGreaterThan(0);
  expect(directory.byJob(row.id)).toBeUndefined();
  expect(directory.byLabel(label(5000))).toBeUndefined();
  expect(ended).toEqual(isKnown ? [row.id] : []);
});

test('a job that another process has ended has no route from its next use on', async () => {
  const row = await runningAt(5000);
  directory.update(row);
  await directory.confirmJob(row.id);
  expect(directory.byJob(row.id)).toBeDefined();
  await end(row);
  // Just read; the next use that comes later reads.
  expect(directory.confirmJob(row.id)).toBeUndefined();
  nowMs += 2_000;
  await directory.confirmJob(row.id);
  expect(directory.byJob(row.id)).toBeUndefined();
  expect(ended).toEqual([row.id]);
});

test('a session of which something is open ends without being used, and so does one that a refresh finds ended', async () => {
  const [first, second] = [await runningAt(5000), await runningAt(5001)];
  for (const row of [first, second]) directory.update(row);
  for (const row of [first, second]) await end(row);
  await directory.check([first.id]);
  expect(ended).toEqual([first.id]);
  await directory.refresh();
  expect(ended).toEqual([first.id, second.id]);
});

test('a session that became ready through another process is found by its first use, by its job and by its host name', async () => {
  const [first, second] = [await runningAt(5000), await runningAt(5001)];
  await directory.confirmJob(first.id);
  expect(directory.byJob(first.id)?.port).toBe(5000);
  await directory.confirmLabel(label(5001));
  expect(directory.byLabel(label(5001))?.jobId).toBe(second.id);
});

test('a host name whose port another job has got through another process leads to that one', async () => {
  const former = await runningAt(5000);
  directory.update(former);
  await end(former);
  const next = await runningAt(5000);
  await directory.confirmLabel(label(5000));
  expect(directory.byLabel(label(5000))?.jobId).toBe(next.id);
});

test('uses at the same time share one reading, and what is known is not read again', async () => {
  const row = await runningAt(5000);
  await Promise.all(Array.from({ length: 50 }, () => directory.confirmJob(row.id)));
  expect(asked).toEqual(['jobs', 'users']);
  for (let use = 0; use < 50; use++) expect(directory.confirmJob(row.id)).toBeUndefined();
  nowMs += 2_000;
  const others = await Promise.all([runningAt(5001), runningAt(5002)]);
  await Promise.all([row, ...others].map(({ id }) => directory.confirmJob(id)));
  expect(asked).toEqual(['jobs', 'users', 'jobs', 'users']);
});

test('addresses that lead nowhere are asked for once in a second', async () => {
  for (const confirm of [() => directory.confirmJob(4711), () => directory.confirmLabel(label(4711))]) {
    asked.length = 0;
    await Promise.all([confirm(), confirm()]);
    expect(asked).toEqual(['jobs']);
    expect(confirm()).toBeUndefined();
    nowMs += 1_000;
    await confirm();
    expect(asked).toEqual(['jobs', 'jobs']);
  }
  asked.length = 0;
  await directory.confirmLabel('no-name-of-a-session');
  expect(asked).toEqual([]);
});

test('a failed reading is told to those who wait for it, and tried anew for the next one', async () => {
  const row = await runningAt(5000);
  meanwhile = () => Promise.reject(new Error('The database is away.'));
  await expect(directory.confirmJob(row.id)).rejects.toThrow('away');
  expect(directory.byJob(row.id)).toBeUndefined();
  meanwhile = async () => undefined;
  await directory.confirmJob(row.id);
  expect(directory.byJob(row.id)).toBeDefined();
});

test('a user who is deactivated here while users are read is kept out, and what is open to their sessions ends', async () => {
  const row = await runningAt(5000);
  meanwhile = async (table) => {
    if (table === 'users') owners.forget(row.user_id);
  };
  await directory.refresh();
  expect(directory.byJob(row.id)).toBeUndefined();
  expect(directory.byLabel(label(5000))).toBeUndefined();
  expect(directory.size).toBe(0);
  expect(shutOut).toEqual([row.user_id]);
  // The job runs on, and is there again with its user.
  meanwhile = async () => undefined;
  await owners.read([row.user_id]);
  expect(directory.byJob(row.id)?.port).toBe(5000);
  expect(directory.byLabel(label(5000))?.jobId).toBe(row.id);
  expect(directory.size).toBe(1);
  expect(ended).toEqual([]);
});

test('a user whom another process has deactivated gets no route from a job that begins to run here', async () => {
  await setActive(false);
  const row = await runningAt(5000);
  directory.update(row);
  await directory.confirmJob(row.id);
  expect(directory.byJob(row.id)).toBeUndefined();
  expect(shutOut).toEqual([row.user_id]);
  await setActive(true);
  nowMs += 2_000;
  await directory.confirmJob(row.id);
  expect(directory.byJob(row.id)).toBeDefined();
});

test('a user whom another process has deactivated and reactivated has routes of a new epoch, and what was open has ended', async () => {
  const row = await runningAt(5000);
  await directory.refresh();
  expect(directory.byJob(row.id)?.epoch).toBe(0);
  await raiseEpoch();
  await directory.check([row.id]);
  expect(directory.byJob(row.id)?.epoch).toBe(1);
  expect(shutOut).toEqual([row.user_id]);
  await directory.check([row.id]);
  expect(shutOut).toEqual([row.user_id]);
});

test('users without a session are forgotten by a refresh, those with one are not', async () => {
  const row = await runningAt(5000);
  await directory.refresh();
  expect(owners.epochOf(row.user_id)).toBe(0);
  await end(row);
  await directory.refresh();
  expect(owners.epochOf(row.user_id)).toBeUndefined();
});
