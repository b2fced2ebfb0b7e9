import type { Database, EventRow, Query, Row, TableName } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appendEvent, Journal } from '../../src/records/journal.js';
import { systemClock } from '../../src/system-clock.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';
import { StreamReader } from './stream-reader.js';

/** Time goes a hundred times faster, so that a heartbeat comes every 150 ms. */
const origin = Date.now();
let setBackMs = 0;
const fastClock = {
  now: () => origin + (Date.now() - origin) * 100 - setBackMs,
  elapsed: () => systemClock.elapsed() * 100,
  sleep: (delayMs: number, signal?: AbortSignal) => systemClock.sleep(delayMs / 100, signal),
};

let server: Fixture;
let readers: StreamReader[] = [];
beforeEach(async () => {
  setBackMs = 0;
  server = await startFixture({ clock: fastClock });
});
afterEach(async () => {
  for (const reader of readers) reader.close();
  readers = [];
  await server.close();
});

function open(options: ConstructorParameters<typeof StreamReader>[1] = {}): StreamReader {
  const reader = new StreamReader(server, options);
  readers.push(reader);
  return reader;
}

/** Makes one event. */
async function change(journal: Journal = server.context.journal, description = ''): Promise<void> {
  await journal.transaction(async (transaction) => {
    const row = await transaction.rows.lock('workspaces', server.workspace.id);
    if (row) await transaction.changeWorkspace(row, { description });
  });
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const ids = (reader: StreamReader): number[] => reader.messages.map(({ id }) => id);

describe('an event stream', () => {
  it('says hello, then tells what happens', async () => {
    const reader = open();
    await reader.until(() => reader.messages.length === 1);
    expect(reader.answer?.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    expect(reader.messages[0]).toMatchObject({ id: 1, event: 'hello', data: { type: 'hello', id: 1 } });
    await change();
    await server.addJob();
    await reader.until(() => reader.messages.length === 3);
    expect(reader.messages.slice(1)).toMatchObject([
      { id: 2, event: 'workspace.changed', data: { type: 'workspace.changed', id: 2, workspace: { name: 'First' } } },
      { id: 3, event: 'job.changed', data: { type: 'job.changed', id: 3, job: { status: 'pending' } } },
    ]);
  });

  it('tells nothing of other users', async () => {
    const bob = await server.addUser('bob');
    const reader = open({ token: bob.token });
    await reader.until(() => reader.messages.length === 1);
    await change();
    await reader.until(() => reader.comments.length > 0);
    expect(reader.messages.length).toBe(1);
  });

  it('resumes after the number in the header, else the one in the address', async () => {
    for (let index = 0; index < 5; index++) await change();
    const header = open({ lastEventId: 3, query: '?last_event_id=1' });
    await header.until(() => header.messages.length === 3);
    expect(ids(header)).toEqual([4, 5, 6]);
    const query = open({ query: '?last_event_id=5' });
    await query.until(() => query.messages.length === 1);
    expect(ids(query)).toEqual([6]);
    const all = open({ lastEventId: 0 });
    await all.until(() => all.messages.length === 6);
    const none = open({ lastEventId: 6 });
    await none.until(() => none.comments.length > 0);
    expect(none.messages).toEqual([]);
    await change();
    await none.until(() => none.messages.length === 1);
    expect(ids(none)).toEqual([7]);
  });

  it('opens without a warning of Node', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): number => warnings.push(message);
    process.on('warning', onWarning);
    const reader = open();
    await reader.until(() => reader.messages.length === 1);
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('refuses a number that is none', async () => {
    const answer = await server.call('/events/', { headers: { 'Last-Event-ID': 'x' } });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_field' } }]);
    expect((await server.call('/events/?last_event_id=-1')).status).toBe(400);
    expect((await fetch(`${server.url}/events/`)).status).toBe(401);
  });

  it.each([
    ['that is forgotten', 2, 9],
    ['that was never given', 100, 9],
    ['after which all is forgotten', 8, 10],
  ])('begins anew for a number %s', async (_, lastEventId, before) => {
    for (let index = 0; index < 8; index++) await change();
    await server.database.transaction((rows) => rows.remove('events', { seq: { lt: before } }));
    const reader = open({ lastEventId });
    await reader.until(() => reader.messages.length === 1);
    expect(reader.messages[0]).toMatchObject({ id: 9, event: 'reset', data: { type: 'reset', id: 9 } });
    await change();
    await reader.until(() => reader.messages.length === 2);
    expect(ids(reader)).toEqual([9, 10]);
  });

  it('begins anew for a reader who saw what a restored backup has made undone', async () => {
    const { database, user } = server;
    const read = async (lastEventId: number | string, count: number): Promise<StreamReader> => {
      const reader = open({ lastEventId });
      await reader.until(() => reader.messages.length >= count);
      reader.close();
      return reader;
    };
    for (let index = 0; index < 4; index++) await change();
    const before = await read(0, 5);
    const [common = '', lost = ''] = [2, 4].map((index) => before.messages[index]?.fullId ?? '');
    // As a backup of the time after the third event has them.
    await database.transaction(async (rows) => {
      await rows.remove('events', { user_id: user.id, seq: { gt: 3 } });
      await rows.update('users', { id: user.id }, { event_seq: 3 });
    });
    for (let index = 0; index < 4; index++) await change();
    const after = await read(lost, 1);
    expect(after.messages[0]).toMatchObject({ event: 'reset', id: 7, data: { id: 7 } });
    for (const id of [common, String(Number(common)), 3]) expect(ids(await read(id, 4))).toEqual([4, 5, 6, 7]);
    const next = open({ lastEventId: after.messages[0]?.fullId ?? '' });
    await change();
    await next.until(() => next.messages.length > 0);
    expect(ids(next)).toEqual([8]);
  });

  it('keeps the newest 5,000, fewer of large ones, and begins anew for a reader whose place is gone', async () => {
    const { database, user, workspace } = server;
    const numbers = async (): Promise<[number, number, number]> => {
      const rows = await database.find('events', { where: { user_id: user.id }, orderBy: [['seq', 'asc']] });
      return [rows.length, rows[0]?.seq ?? 0, rows.at(-1)?.seq ?? 0];
    };
    const event = { type: 'workspace.deleted', workspace_id: workspace.id } as const;
    const append = (count: number, large?: object): Promise<void> =>
      database.transaction(async (rows) => {
        for (let index = 0; index < count; index++) {
          await appendEvent(rows, user.id, workspace.id, { ...event, ...large }, 0);
        }
      });
    await append(4_999 - (await numbers())[2]);
    expect(await numbers()).toEqual([4_999, 1, 4_999]);
    await append(1);
    expect(await numbers()).toEqual([4_900, 101, 5_000]);
    const late = open({ lastEventId: 99 });
    await late.until(() => late.messages.length === 1);
    expect(late.messages[0]).toMatchObject({ event: 'reset', id: 5_000 });
    await append(1, { padding: 'x'.repeat(64 * 1024) });
    expect(await numbers()).toEqual([1_022, 3_980, 5_001]);
    await append(1, { padding: 'x'.repeat(2 * 1024 * 1024) });
    expect(await numbers()).toEqual([100, 4_903, 5_002]);
  });

  it('loses and repeats nothing across reconnects while many write', { timeout: 30_000 }, async () => {
    const count = 400;
    const other = new Journal(server.database, server.context.clock);
    const writing = Promise.all(
      [server.context.journal, other, server.context.journal, other].map(async (journal) => {
        for (let index = 0; index < count / 4; index++) {
          await change(journal, 'x'.repeat(1_000));
          // As requests come: SQLite's driver never waits, and writers that never did either would let no reader in before the last of them.
          await new Promise(setImmediate);
        }
      }),
    );
    const seen: number[] = [];
    let lastEventId = 1;
    let connections = 0;
    while (lastEventId < count + 1) {
      const reader = open({ lastEventId });
      connections += 1;
      const wanted = 1 + Math.floor(Math.random() * 40);
      await reader.until(() => reader.messages.length >= Math.min(wanted, count + 1 - lastEventId));
      reader.close();
      seen.push(...ids(reader));
      lastEventId = seen.at(-1) ?? lastEventId;
    }
    await writing;
    expect(seen).toEqual(range(2, count + 1));
    expect(connections).toBeGreaterThan(5);
  });

  it('serves a reader that stops and goes on, without keeping its events in memory', { timeout: 30_000 }, async () => {
    let readCount = 0;
    const { find } = server.database;
    server.database.find = async <T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> => {
      const rows = await find.call<Database, [T, Query<T>], Promise<Row<T>[]>>(server.database, table, query);
      if (table === 'events') readCount += rows.length;
      return rows;
    };
    const slow = open({ lastEventId: 1, paused: true });
    await slow.until(() => slow.answer !== undefined);
    // More than the sockets' buffers hold.
    const text = 'x'.repeat(60_000);
    for (let index = 0; index < 200; index++) await change(server.context.journal, text);
    expect(readCount).toBeLessThan(150);
    slow.resume();
    await slow.until(() => slow.messages.length === 200);
    expect(ids(slow)).toEqual(range(2, 201));
  });

  it('holds few large events at a time, and many small ones', async () => {
    const description = '漢'.repeat(65_000);
    for (let index = 0; index < 30; index++) await change(server.context.journal, index < 15 ? description : '');
    const find = vi.spyOn(server.database, 'find');
    const reader = open({ lastEventId: 1 });
    await reader.until(() => reader.messages.length === 30);
    const batches: EventRow[][] = [];
    for (const [index, [table]] of find.mock.calls.entries()) {
      const rows = find.mock.results[index]?.value;
      if (table === 'events') batches.push(await rows);
    }
    const lengths = batches.map((events) => events.map(({ payload }) => payload).join('').length);
    expect(Math.max(...lengths)).toBeLessThan(400_000);
    expect(batches.filter(({ length }) => length > 0).length).toBeLessThan(15);
  });

  it('sends heartbeats, and sees what other processes write', async () => {
    const reader = open();
    await reader.until(() => reader.comments.length >= 2);
    expect(reader.comments[0]).toBe(': alive');
    await change(new Journal(server.database, server.context.clock));
    await reader.until(() => reader.messages.length === 2);
  });

  it('has its heartbeats, and sees what other processes write, when the clock is set back', async () => {
    const reader = open();
    await reader.until(() => reader.comments.length >= 1);
    setBackMs = 3_600_000;
    await reader.until(() => reader.comments.length >= 3);
    await change(new Journal(server.database, server.context.clock));
    await reader.until(() => reader.messages.length === 2);
  });

  it('ends when its token is revoked or its user deactivated', async () => {
    const bob = await server.addUser('bob');
    const revoked = open();
    const deactivated = open({ token: bob.token });
    await revoked.until(() => revoked.messages.length === 1);
    await deactivated.until(() => deactivated.messages.length === 1);
    expect(server.streams.size).toBe(2);
    await server.database.transaction((rows) => rows.remove('tokens', { user_id: server.user.id }));
    await server.database.transaction((rows) => rows.update('users', { id: bob.user.id }, { is_active: false }));
    await revoked.until(() => revoked.isEnded);
    await deactivated.until(() => deactivated.isEnded);
    await until(() => server.streams.size === 0);
  });

  it('can be ended for a user and for all', async () => {
    const bob = await server.addUser('bob');
    const [first, second, other] = [open(), open(), open({ token: bob.token })];
    for (const reader of [first, second, other]) await reader.until(() => reader.messages.length === 1);
    server.streams.closeUser(server.user.id);
    await first.until(() => first.isEnded);
    await second.until(() => second.isEnded);
    expect(other.isEnded).toBe(false);
    server.streams.close();
    await other.until(() => other.isEnded);
    const late = open();
    await late.until(() => late.isEnded);
  });

  it('leaves nothing behind when its reader goes', async () => {
    for (let index = 0; index < 20; index++) {
      const reader = open();
      await reader.until(() => reader.messages.length === 1);
      reader.close();
    }
    await until(() => server.streams.size === 0);
  });
});
