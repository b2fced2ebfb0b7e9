import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { newWorkspace } from '../../../database-sql/test/support/rows.js';
import { AnswerTurns } from '../../src/http/answer-turns.js';
import { startFixture, until } from '../files/fixture.js';

class Response extends EventEmitter {
  closed = false;
  close(): void {
    this.closed = true;
    this.emit('close');
  }
}

const mib = 1024 * 1024;

it('makes a further answer once few bytes of the user wait', async () => {
  const turns = new AnswerTurns();
  const begun: number[] = [];
  const responses = [5, 2, 7, 1].map((size, index) => {
    const response = new Response();
    void turns.enter(1, response, new AbortController().signal).then((hasBytes) => {
      begun.push(index);
      hasBytes(size * mib);
    });
    return response;
  });
  await setImmediate();
  // With the third there are more than 8 MiB.
  expect(begun).toEqual([0, 1, 2]);
  responses[0]?.close();
  await setImmediate();
  expect(begun).toEqual([0, 1, 2]);
  responses[2]?.close();
  await setImmediate();
  expect(begun).toEqual([0, 1, 2, 3]);
});

it('holds nobody else up, and forgets whoever goes while waiting', async () => {
  const turns = new AnswerTurns();
  const first = new Response();
  await turns.enter(1, first, new AbortController().signal);
  await turns.enter(2, new Response(), new AbortController().signal);
  const gone = new Response();
  const going = new AbortController();
  const waiting = turns.enter(1, gone, going.signal);
  gone.close();
  going.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  const next = turns.enter(1, new Response(), new AbortController().signal);
  first.close();
  await next;
});

it('whole listings that nobody reads are in memory once', { timeout: 60_000 }, async () => {
  const server = await startFixture();
  const description = '漢'.repeat(65_000);
  await server.database.transaction(async (rows) => {
    for (let made = 0; made < 99; made++) {
      await rows.insert('workspaces', newWorkspace(`w${made}`, { user_id: server.user.id, description }));
    }
  });
  const bob = await server.addUser('bob');
  const find = vi.spyOn(server.database, 'find');
  const listings = (): number =>
    find.mock.calls.filter(([, query]) => JSON.stringify(query).includes('"is_listed":true')).length;
  const sockets = Array.from({ length: 10 }, () => {
    const socket = connect(server.port, '127.0.0.1').pause();
    socket.write(`GET /workspaces/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token ${server.token}\r\n\r\n`);
    return socket.on('error', () => undefined);
  });
  await until(() => listings() > 0);
  const his = await server.call('/workspaces/', { headers: { Authorization: `Token ${bob.token}` } });
  expect(await his.json()).toMatchObject({ data: { workspaces: [] } });
  expect(his.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(listings()).toBe(2);
  for (const socket of sockets) socket.destroy();
  const hers = await server.call('/workspaces/');
  expect((await hers.json()).data.workspaces).toHaveLength(100);
  await server.close();
});
