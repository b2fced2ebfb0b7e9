// Thousands of requests and WebSockets through a real server, opened and torn in every way: when they are over, nothing of them is left.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { application } from '../../support/application.js';
import { writeTestConfiguration } from '../../support/configuration.js';
import { putAway } from '../../support/put-away.js';
import { freePort, type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, startSession, type User } from '../../support/users.js';
import { visit } from '../../support/visit.js';

const isLong = process.env.UWS_LONG === '1';
const rounds = isLong ? 20 : 4;
const perRound = isLong ? 1_000 : 500;
const atOnce = isLong ? 150 : 60;
const jobs = isLong ? 6 : 3;
const seed = Number(process.env.UWS_SEED ?? 20_261_125);

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function numbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Target {
  readonly path: string;
  readonly cookie: string;
}

/** What the server has open and uses, after it has collected its garbage. */
interface Holdings {
  readonly sockets: number;
  readonly requests: number;
  readonly webSockets: number;
  readonly timers: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Kept connections to the jobs and to this test's own questions may differ by a few. */
const nearly = ({ sockets, timers }: Holdings) => ({ sockets: sockets + 8, timers: timers + 8 });

const masked = (opcode: number, text: string): Buffer => {
  const mask = Buffer.from([1, 2, 3, 4]);
  const payload = Buffer.from(text).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([128 | opcode, 128 | payload.length]), mask, payload]);
};

describe('a soak', () => {
  let server: RunningServer;
  let users: User[];
  let targets: Target[];
  let holdingsPort: number;

  beforeAll(async () => {
    const root = await temporaryDirectory();
    holdingsPort = await freePort();
    server = await startServer({
      dataDirectory: join(root, 'data'),
      env: { UWS_CONFIG: await writeTestConfiguration(root), HOLDINGS_PORT: String(holdingsPort) },
      command: [fileURLToPath(new URL('./server.mjs', import.meta.url))],
    });
    users = await Promise.all(['ada', 'eve'].map((name) => signIn(server, name)));
    targets = await Promise.all(
      Array.from({ length: jobs }, async (_, index) => {
        const user = users[index % users.length];
        if (!user) throw new Error('No user.');
        const { session, job } = await startSession(user, { job_type: 'web_app' }, application);
        return { path: `/passthrough/127.0.0.1/${job.id}`, cookie: (await visit(session.url)).cookie };
      }),
    );
  });

  afterAll(async () => {
    expect(await putAway(server, users)).toEqual([]);
  });

  async function opened(): Promise<Socket> {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Waits for some bytes, or the end. */
  function heard(socket: Socket): Promise<unknown> {
    return new Promise((resolve) => {
      socket.once('data', resolve).once('close', resolve);
    });
  }

  async function gone(socket: Socket): Promise<void> {
    if (socket.destroyed) return;
    const closed = once(socket, 'close');
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), 20_000);
    await closed;
    clearTimeout(timer);
  }

  const head = (target: Target, method: string, path: string, more = ''): string =>
    `${method} ${target.path}${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${target.cookie}\r\n${more}\r\n`;
  const opening = (target: Target, path: string): string =>
    head(
      target,
      'GET',
      path,
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
    );

  /** The ways in which something begins and ends; each leaves its socket for the clean-up. */
  const ways: Readonly<Record<string, (socket: Socket, target: Target) => Promise<void>>> = {
    'a request that is answered': async (socket, target) => {
      socket.write(head(target, 'GET', '/x', 'Connection: close\r\n'));
      await heard(socket);
    },
    'a client that resets in the middle of a stream': async (socket, target) => {
      socket.write(head(target, 'GET', '/stream'));
      await heard(socket);
      socket.resetAndDestroy();
    },
    'a client that ends its side in the middle of a stream': async (socket, target) => {
      socket.write(head(target, 'GET', '/stream'));
      await heard(socket);
      socket.end();
    },
    'a client that leaves before the answer': async (socket, target) => {
      socket.write(head(target, 'GET', '/raw?'));
      await delay(5);
      socket.destroy();
    },
    'an application that leaves in the middle of an answer': async (socket, target) => {
      const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf').toString('base64url');
      socket.write(head(target, 'GET', `/answer?${bytes}`, 'Connection: close\r\n'));
      await heard(socket);
    },
    'an application that leaves without an answer': async (socket, target) => {
      socket.write(`${head(target, 'POST', '/answer?', 'Connection: close\r\nContent-Length: 1\r\n')}x`);
      await heard(socket);
    },
    'an upload that is given up': async (socket, target) => {
      socket.write(head(target, 'PUT', '/upload', 'Content-Length: 1000000\r\n'));
      socket.write(Buffer.alloc(70_000));
      await delay(5);
      socket.resetAndDestroy();
    },
    'an upload whose rest never comes, after a refusal': async (socket, target) => {
      socket.write(head({ ...target, cookie: '' }, 'PUT', '/upload', 'Content-Length: 1000\r\n'));
      await heard(socket);
    },
    'a head that is never finished': async (socket, target) => {
      socket.write(head(target, 'GET', '/x').slice(0, 40));
      await delay(5);
      socket.end();
    },
    'a WebSocket closed as it should be': async (socket, target) => {
      socket.write(opening(target, '/echo'));
      await heard(socket);
      socket.write(masked(1, 'hello'));
      await heard(socket);
      socket.write(masked(8, ''));
    },
    'a WebSocket whose client resets': async (socket, target) => {
      socket.write(opening(target, '/echo'));
      await heard(socket);
      socket.resetAndDestroy();
    },
    'a WebSocket whose client ends its side': async (socket, target) => {
      socket.write(opening(target, '/hold'));
      await heard(socket);
      socket.end();
    },
    'a WebSocket whose application never reads': async (socket, target) => {
      socket.write(opening(target, '/hold'));
      await heard(socket);
      socket.write(Buffer.alloc(300_000, 1));
      await delay(5);
      socket.resetAndDestroy();
    },
    'a handshake that is deserted': async (socket, target) => {
      socket.write(opening(target, '/mute'));
      await delay(10);
      socket.end();
    },
    'a handshake that is deserted by a reset': async (socket, target) => {
      socket.write(opening(target, '/mute'));
      await delay(10);
      socket.resetAndDestroy();
    },
    'a handshake that is refused': async (socket, target) => {
      socket.write(opening({ ...target, cookie: 'uws_session=x' }, '/echo'));
      await heard(socket);
    },
  };
  const names = Object.keys(ways);

  async function holdings(): Promise<Holdings> {
    const own: { heapBytes: number; timers: number } = await (await fetch(`http://127.0.0.1:${holdingsPort}/`)).json();
    const metrics = await (await fetch(`${server.baseUrl}/metrics`)).text();
    const gauge = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)?.[1]);
    const pid = server.process.pid ?? 0;
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return {
      ...own,
      sockets: (await readdir(`/proc/${pid}/fd`)).length,
      requests: gauge('uws_session_requests'),
      webSockets: gauge('uws_session_sockets'),
      rssBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024,
    };
  }

  /** When all is quiet: nothing open for sessions, and no more descriptors and timers than before. */
  async function settled(atMost: Pick<Holdings, 'sockets' | 'timers'>): Promise<Holdings> {
    let now = await holdings();
    // Longer than what the server grants to the ends of sockets and kept connections.
    for (let attempt = 0; attempt < 120; attempt++) {
      if (now.requests + now.webSockets === 0 && now.sockets <= atMost.sockets && now.timers <= atMost.timers) break;
      await delay(250);
      now = await holdings();
    }
    return now;
  }

  async function round(random: () => number, count: number): Promise<Map<string, number>> {
    const done = new Map<string, number>();
    let started = 0;
    const worker = async (): Promise<void> => {
      while (started < count) {
        started += 1;
        const name = names[Math.floor(random() * names.length)] ?? '';
        const target = targets[Math.floor(random() * targets.length)];
        if (!target) continue;
        const socket = await opened();
        await ways[name]?.(socket, target);
        await gone(socket);
        done.set(name, (done.get(name) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return done;
  }

  test(
    `of ${rounds * perRound} requests and WebSockets in ${names.length} ways nothing is left (seed ${seed})`,
    async () => {
      const random = numbers(seed);
      await round(random, perRound);
      const first = await settled(await holdings());
      const atMost = nearly(first);
      const counts = new Map<string, number>();
      const heaps: number[] = [first.heapBytes];
      let last = first;
      for (let index = 1; index < rounds; index++) {
        for (const [name, count] of await round(random, perRound)) counts.set(name, (counts.get(name) ?? 0) + count);
        last = await settled(atMost);
        heaps.push(last.heapBytes);
        expect(last).toMatchObject({ requests: 0, webSockets: 0 });
        expect(last.sockets).toBeLessThanOrEqual(atMost.sockets);
        expect(last.timers).toBeLessThanOrEqual(atMost.timers);
      }
      expect([...counts.keys()].sort()).toEqual([...names].sort());
      console.log(
        `soak: ${rounds * perRound} in ${names.length} ways; descriptors ${first.sockets} → ${last.sockets}, timers ${first.timers} → ${last.timers}, ` +
          `heap MiB ${heaps.map((bytes) => (bytes / 1048576).toFixed(1)).join(' ')}, RSS MiB ${(first.rssBytes / 1048576).toFixed(0)} → ${(last.rssBytes / 1048576).toFixed(0)}`,
      );
      // A leak of one socket's objects for each connection would be several KiB each.
      const growth = (last.heapBytes - first.heapBytes) / ((rounds - 1) * perRound);
      expect(growth).toBeLessThan(1_024);
      expect(last.rssBytes - first.rssBytes).toBeLessThan(100 * 1024 * 1024);
    },
    isLong ? 3_600_000 : 180_000,
  );

  test('a job that is killed takes its requests and WebSockets along, and its ports and entries are free again', async () => {
    const before = await holdings();
    const [user] = users;
    if (!user) throw new Error('No user.');
    const { session, job } = await startSession(user, { job_type: 'web_app' }, application);
    const target = { path: `/passthrough/127.0.0.1/${job.id}`, cookie: (await visit(session.url)).cookie };
    const sockets = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const socket = await opened();
        socket.write(index % 2 ? opening(target, index % 4 === 1 ? '/hold' : '/echo') : head(target, 'GET', '/stream'));
        await heard(socket);
        return socket;
      }),
    );
    expect(await holdings()).toMatchObject({ requests: 30, webSockets: 30 });
    const killer = await opened();
    killer.write(head(target, 'GET', '/die', 'Connection: close\r\n'));
    await Promise.all([...sockets, killer].map(gone));
    const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 20_000 });
    expect(ended.exit_code).toBe(1);
    expect(await settled(nearly(before))).toMatchObject({ requests: 0, webSockets: 0 });
    expect((await fetch(`${server.baseUrl}${target.path}/`, { headers: { Cookie: target.cookie } })).status).toBe(404);
  });

  test('a reader that stalls does not make the server grow', async () => {
    const before = await holdings();
    const [target] = targets;
    if (!target) throw new Error('No session.');
    const readers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const socket = await opened();
        socket.pause();
        socket.write(head(target, 'GET', '/flood'));
        return socket;
      }),
    );
    await expect.poll(async () => (await holdings()).requests, { timeout: 30_000 }).toBe(10);
    await delay(2_000);
    const during = await holdings();
    expect(during.requests).toBe(10);
    expect(during.rssBytes - before.rssBytes).toBeLessThan(80 * 1024 * 1024);
    for (const socket of readers) socket.resetAndDestroy();
    expect(await settled(nearly(before))).toMatchObject({ requests: 0, webSockets: 0 });
  });
});
