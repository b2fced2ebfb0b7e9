import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newWorkspace } from '../../../database-sql/test/support/rows.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

let server: Fixture;
let socket: Socket | undefined;
beforeEach(async () => {
  server = await startFixture({ limits: { idle_seconds: 1 } });
});
afterEach(async () => {
  socket?.destroy();
  await server.close();
});

/** Sends a request and reads nothing of its answer. */
function ask(path: string, headers = '') {
  let received = 0;
  let isClosed = false;
  const asking = connect(server.port, '127.0.0.1').pause();
  socket = asking;
  asking.on('data', ({ length }) => {
    received += length;
  });
  asking.on('error', () => undefined);
  asking.on('close', () => {
    isClosed = true;
  });
  asking.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token ${server.token}\r\n${headers}\r\n`);
  return { asking, received: () => received, isClosed: () => isClosed };
}

const description = '漢'.repeat(65_000);
const count = 100;

describe('a reader that takes nothing', () => {
  it('of a long answer is let go, while one that takes some gets all of it', { timeout: 60_000 }, async () => {
    await server.database.transaction(async (rows) => {
      for (let made = 0; made < count; made++) {
        await rows.insert('workspaces', newWorkspace(`w${made}`, { user_id: server.user.id, description }));
      }
    });
    const idle = ask('/workspaces/');
    await delay(4_000);
    idle.asking.resume();
    await until(idle.isClosed);
    expect(idle.received()).toBeGreaterThan(0);
    expect(idle.received()).toBeLessThan(count * 3 * description.length);

    const slow = ask('/workspaces/');
    for (let turn = 0; turn < 6; turn++) {
      slow.asking.resume();
      await delay(20);
      slow.asking.pause();
      await delay(500);
    }
    slow.asking.resume();
    await until(() => slow.received() > count * 3 * description.length);
    expect(slow.isClosed()).toBe(false);
  });

  it('of events is let go, and one that waits for some is not', { timeout: 60_000 }, async () => {
    await server.database.transaction(async (rows) => {
      for (let seq = 2; seq <= count; seq++) {
        const payload = JSON.stringify({ description });
        const type = 'workspace.changed';
        await rows.insert('events', {
          user_id: server.user.id,
          seq,
          type,
          subject_id: 1,
          payload,
          created_at_ms: Date.now(),
        });
      }
      await rows.update('users', { id: server.user.id }, { event_seq: count });
    });
    const waiting = ask('/events/');
    waiting.asking.resume();
    await delay(3_000);
    expect(waiting.isClosed()).toBe(false);
    waiting.asking.destroy();
    await until(() => server.streams.size === 0);
    ask('/events/', 'Last-Event-ID: 1\r\n');
    await until(() => server.streams.size === 1);
    await until(() => server.streams.size === 0);
  });
});
