import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Event } from '../src/index.js';
import { clientOf, connection, type Exchange, failureOf, job, listen, ok, portOf } from './listening.js';

const datetime = '2026-11-23T09:06:52.400Z';

function sse(...events: readonly { type: string; id: number; [key: string]: unknown }[]): string {
  return events
    .map((event) => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify({ datetime, ...event })}\n\n`)
    .join('');
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}

function begin({ response }: Exchange): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(': heartbeat\n\n');
}

async function take<Item>(items: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const taken: Item[] = [];
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
}

describe('events', () => {
  it('resumes after the last event when a connection breaks, without loss or repeat', async () => {
    const { url, requests } = await listen((exchange) => {
      begin(exchange);
      const { response, index } = exchange;
      if (index === 0) {
        response.write(sse({ type: 'hello', id: 10 }, { type: 'job.changed', id: 11, job }));
        setTimeout(() => response.destroy(), 30);
      } else if (index === 1) {
        // A proxy ends the connection in order; half an event is lost with it.
        response.end(
          `${sse({ type: 'job.changed', id: 11, job }, { type: 'workspace.deleted', id: 12, workspace_id: 7 })}id: 13\nda`,
        );
      } else {
        response.write(sse({ type: 'share.deleted', id: 13, shared_workspace_id: 35 }));
      }
    });
    const events: Event[] = await take(clientOf(url).events.stream(), 4);
    expect(events.map(({ id, type }) => `${id} ${type}`)).toEqual([
      '10 hello',
      '11 job.changed',
      '12 workspace.deleted',
      '13 share.deleted',
    ]);
    expect(events[1]).toMatchObject({ job: { core_hours: 0.00277 } });
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '11', '12']);
  });

  it('begins after a given event and surfaces a reset', async () => {
    const { url, requests } = await listen((exchange) => {
      begin(exchange);
      exchange.response.write(sse({ type: 'reset', id: 3 }, { type: 'workspace.deleted', id: 4, workspace_id: 1 }));
    });
    const events = await take(clientOf(url).events.stream({ lastEventId: 99 }), 2);
    expect(events.map(({ type }) => type)).toEqual(['reset', 'workspace.deleted']);
    expect(requests[0]?.headers['last-event-id']).toBe('99');
  });

  it('goes on after the id that the server gave, which is more than the number', async () => {
    const { url, requests } = await listen((exchange) => {
      begin(exchange);
      const { response, index } = exchange;
      const data = JSON.stringify({ type: 'workspace.deleted', id: 12 + index, workspace_id: 7 });
      response.write(`id: ${12 + index}.0123451\ndata: ${data}\n\n`);
      if (index === 0) setTimeout(() => response.destroy(), 30);
    });
    const events = await take(clientOf(url).events.stream({ lastEventId: 11 }), 2);
    expect(events.map(({ id }) => id)).toEqual([12, 13]);
    expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual(['11', '12.0123451']);
  });

  it('takes a connection without heartbeats for dead, and one with heartbeats for alive', async () => {
    const { url, requests } = await listen((exchange) => {
      begin(exchange);
      const { response, index } = exchange;
      if (index === 0) return;
      const beat = setInterval(() => response.write(': heartbeat\n\n'), 100);
      response.on('close', () => clearInterval(beat));
      setTimeout(() => response.write(sse({ type: 'hello', id: 1 })), 700);
    });
    expect(await take(clientOf(url).events.stream({ idleTimeoutMs: 300 }), 1)).toMatchObject([{ id: 1 }]);
    expect(requests).toHaveLength(2);
  });

  it('ends at once when told to, by signal or by return, and closes its connection', async () => {
    let closed = 0;
    const { url } = await listen((exchange) => {
      exchange.response.on('close', () => {
        closed += 1;
      });
      begin(exchange);
    });
    const client = clientOf(url);
    const controller = new AbortController();
    const aborting = failureOf(take(client.events.stream({ signal: controller.signal }), 1));
    const returned = client.events.stream();
    const pending = returned.next();
    setTimeout(() => controller.abort(), 100);
    setTimeout(() => void returned.return(), 100);
    expect(await aborting).toMatchObject({ name: 'AbortedError', code: 'aborted' });
    expect(await pending).toEqual({ done: true, value: undefined });
    await expect.poll(() => closed).toBe(2);
  });

  it('ends by its signal also after garbage was collected, while it waits for an answer or for an event', async () => {
    const closed = new Set<number>();
    const { url, requests } = await listen((exchange) => {
      exchange.response.on('close', () => closed.add(exchange.index));
      if (exchange.index === 0) begin(exchange);
    });
    const client = clientOf(url);
    const controller = new AbortController();
    const { signal } = controller;
    // Only the signal may end them.
    const waiting = failureOf(take(client.events.stream({ signal, idleTimeoutMs: 600_000 }), 1));
    await expect.poll(() => requests.length).toBe(1);
    const asking = failureOf(client.status({ signal, retries: 0, timeoutMs: 600_000 }));
    await expect.poll(() => requests.length).toBe(2);
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collectGarbage();
    }
    controller.abort();
    expect(await waiting).toMatchObject({ name: 'AbortedError', code: 'aborted' });
    expect(await asking).toMatchObject({ name: 'AbortedError', code: 'aborted' });
    await expect.poll(() => closed.size).toBe(2);
  });

  it('reports a token that is no longer good, and a server that was never there', async () => {
    const { url } = await listen((exchange) => {
      if (exchange.index > 0)
        return exchange.json(401, { success: false, message: 'Expired.', error: { code: 'invalid_token' } });
      begin(exchange);
      exchange.response.end(sse({ type: 'hello', id: 1 }));
    });
    expect(await failureOf(take(clientOf(url).events.stream(), 9))).toMatchObject({ code: 'invalid_token' });
    const { server } = await listen(() => {});
    const address = `http://127.0.0.1:${portOf(server)}`;
    await new Promise((resolve) => server.close(resolve));
    const absent = clientOf(address, { retries: 0 });
    expect(await failureOf(take(absent.events.stream(), 1))).toMatchObject({ code: 'connection_refused' });
  });
});

describe('output of a job', () => {
  const output = Buffer.from('línea uno\nzwei\nтри\n');

  /** Answers with the output from the asked offset, and breaks within a character at the first attempt. */
  function logs(statuses: string[], breakAt: number) {
    return ({ path, response, index, json }: Exchange) => {
      const url = new URL(path, 'http://x');
      if (!url.pathname.endsWith('/logs/')) {
        return json(200, ok({ jobs: [{ ...job, status: statuses.shift() ?? 'complete' }] }));
      }
      const offset = Number(url.searchParams.get('offset') ?? 0);
      response.writeHead(200, { 'content-type': 'text/plain', 'x-log-offset': String(offset) });
      if (index > 0) return void response.end(output.subarray(offset));
      response.write(output.subarray(offset, breakAt), () => setTimeout(() => response.destroy(), 30));
    };
  }

  it('follows across a broken connection, also within a character, until the job has ended', async () => {
    const { url, requests } = await listen(logs(['complete'], 2));
    let text = '';
    for await (const piece of clientOf(url).jobs.logs(5, { follow: true })) text += piece;
    expect(text).toBe(output.toString());
    expect(requests.map(({ path }) => path)).toEqual([
      '/jobs/5/logs/?follow=true',
      '/jobs/5/logs/?offset=2&follow=true',
      '/jobs/5/',
      `/jobs/5/logs/?offset=${output.length}`,
    ]);
  });

  it('goes on when the connection ended though the job runs', async () => {
    const { url, requests } = await listen((exchange) => {
      const { path, response, index, json } = exchange;
      if (!path.includes('/logs/'))
        return json(200, ok({ jobs: [{ ...job, status: index < 3 ? 'running' : 'complete' }] }));
      const offset = new URL(path, 'http://x').searchParams.get('offset') ?? '0';
      response.writeHead(200, { 'x-log-offset': offset }).end(index === 0 ? 'ab' : '');
    });
    let text = '';
    for await (const piece of clientOf(url).jobs.logs(5, { follow: true })) text += piece;
    expect(text).toBe('ab');
    expect(requests.map(({ path }) => path).slice(0, 3)).toEqual([
      '/jobs/5/logs/?follow=true',
      '/jobs/5/',
      '/jobs/5/logs/?offset=2&follow=true',
    ]);
  });

  it('gives what is there and stops, without follow', async () => {
    const { url, requests } = await listen(
      ({ response }) => void response.writeHead(200, { 'x-log-offset': '90' }).end('tail'),
    );
    expect(await take(clientOf(url).jobs.logs(5, { tailBytes: 4 }), 9)).toEqual(['tail']);
    expect(requests.map(({ path }) => path)).toEqual(['/jobs/5/logs/?tail_bytes=4']);
  });

  it('refuses to go on elsewhere than where it stopped', async () => {
    const { url } = await listen(({ response, index }) => {
      response.writeHead(200, { 'x-log-offset': index === 0 ? '0' : '7' });
      response.write('abc', () => setTimeout(() => response.destroy(), 30));
    });
    expect(await failureOf(take(clientOf(url).jobs.logs(5, { follow: true }), 9))).toMatchObject({
      code: 'invalid_answer',
    });
  });
});

/** The old and new services' job socket: sends the given states, then closes or stays. */
async function socketServer(states: readonly object[][], restAnswers: readonly object[] = []) {
  const tokens: (string | undefined)[] = [];
  let reads = 0;
  const { url, server, requests } = await listen((exchange) => {
    const answer = restAnswers[Math.min(reads, restAnswers.length - 1)];
    reads += 1;
    exchange.json(200, ok({ jobs: answer ? [{ ...job, ...answer }] : [] }));
  });
  const sockets = new WebSocketServer({ server, path: '/jobs/5/' });
  onTestFinished(() => void sockets.close());
  let connections = 0;
  sockets.on('connection', (socket, request) => {
    tokens.push(request.headers['uws-authorization']?.toString());
    const batch = states[Math.min(connections, states.length - 1)] ?? [];
    connections += 1;
    for (const state of batch) socket.send(JSON.stringify(state));
    if (connections < states.length) setTimeout(() => socket.terminate(), 50);
  });
  return { url, requests, tokens, count: () => connections, open: () => sockets.clients.size };
}

const state = (status: string, details: object = {}) => ({ status, current_job_details: details });
const withDetails = (status: string, details: object) => ({
  status,
  job_details: { ...job.job_details, current_job_details: details },
});

describe('states of a job', () => {
  it('come over the WebSocket with the token in its header, and end with the last', async () => {
    const server = await socketServer([[state('pending'), state('running'), state('complete')]]);
    const seen = await take(clientOf(server.url).jobs.watch(5), 9);
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'running', 'complete']);
    expect(server.tokens).toEqual(['Token secret-token']);
    expect(server.requests).toHaveLength(0);
    await expect.poll(server.open).toBe(0);
  });

  it('come over a new WebSocket after a broken one, without repeating', async () => {
    const server = await socketServer(
      [[state('pending')], [state('pending'), state('running'), state('failed')]],
      [{ status: 'pending' }],
    );
    const seen = await take(clientOf(server.url).jobs.watch(5), 9);
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'running', 'failed']);
    expect(server.count()).toBe(2);
  });

  it('come by asking where there is no WebSocket', async () => {
    const statuses = ['pending', 'running', 'complete'];
    let upgrades = 0;
    const { url } = await listen((exchange) => {
      if (exchange.request.headers.upgrade) {
        upgrades += 1;
        return void exchange.response.writeHead(404).end();
      }
      exchange.json(200, ok({ jobs: [{ ...job, status: statuses.shift() ?? 'complete' }] }));
    });
    const seen = await take(clientOf(url).jobs.watch(5), 9);
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'running', 'complete']);
    expect(upgrades).toBe(3);
  });

  it('report an unknown job and a bad token instead of waiting', async () => {
    const { url } = await listen((exchange) => exchange.json(200, ok({ jobs: [] })));
    expect(await failureOf(take(clientOf(url).jobs.watch(5), 1))).toMatchObject({ name: 'NotFoundError' });
  });

  it('close the WebSocket when the reader leaves', async () => {
    const server = await socketServer([[state('pending')]]);
    await take(clientOf(server.url).jobs.watch(5), 1);
    await expect.poll(server.open).toBe(0);
  });
});

describe('waiting for a job', () => {
  it('gives the session once there are connection details', async () => {
    const details = { message: 'Webserver ready.', time_left: 60, connection_details: connection };
    const server = await socketServer(
      [[state('pending'), state('running', { message: 'No url found.' }), state('running', details)]],
      [withDetails('running', details)],
    );
    const seen: string[] = [];
    const session = await clientOf(server.url).jobs.waitUntilReady(5, {
      onProgress: ({ status, current_job_details }) => seen.push(`${status} ${current_job_details.message ?? ''}`),
    });
    expect(seen).toEqual(['pending ', 'running No url found.', 'running Webserver ready.']);
    expect(session.url).toBe(`${connection.url_domain}${connection.url_path}`);
    expect([session.jobId, session.expiresAt?.toISOString()]).toEqual([5, '2026-11-23T12:06:53.400Z']);
    expect((await session.refresh()).url).toBe(session.url);
    await expect.poll(server.open).toBe(0);
  });

  it('fails with the reason and the job when it ends before', async () => {
    const failed = {
      status: 'failed',
      status_reason: 'exit_code',
      status_message: 'It left with code 3.',
      last_log_lines: ['no'],
    };
    const server = await socketServer([[state('pending'), state('failed')]], [failed]);
    const error = await failureOf(clientOf(server.url).jobs.waitUntilReady(5));
    expect(error).toMatchObject({ name: 'JobEndedError', code: 'job_ended', job: { last_log_lines: ['no'] } });
    expect(error.message).toBe('Job 5 is failed and has no session: It left with code 3.');
  });

  it('ends after its time with the last state, and with its signal', async () => {
    const server = await socketServer([[state('pending', { message: 'In the queue.' })]]);
    const { jobs } = clientOf(server.url);
    const error = await failureOf(jobs.waitUntilReady(5, { timeoutMs: 200 }));
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'timeout' });
    expect(error.message).toBe('Job 5 was not ready after 200 ms; it is pending (In the queue.).');
    const signal = AbortSignal.timeout(100);
    expect(await failureOf(jobs.waitUntilEnded(5, { signal }))).toMatchObject({ name: 'TimeoutError' });
    await expect.poll(server.open).toBe(0);
  });

  it('gives the job at its end', async () => {
    const server = await socketServer([[state('stopping'), state('complete')]], [{ status: 'complete', exit_code: 0 }]);
    expect(await clientOf(server.url).jobs.waitUntilEnded(5)).toMatchObject({ status: 'complete', exit_code: 0 });
  });
});

describe('the session', () => {
  async function sessionWith(path: string) {
    const details = { connection_details: { ...connection, url_path: path } };
    const server = await socketServer([[state('running', details)]], [withDetails('running', details)]);
    return clientOf(server.url).jobs.waitUntilReady(5);
  }

  it.each([
    ['/p/h/5?uws_ticket=a', '/tree/a b.ipynb', '/p/h/5/tree/a%20b.ipynb?uws_ticket=a'],
    ['/p/h/5/?uws_ticket=a', 'tree//x.ipynb', '/p/h/5/tree//x.ipynb?uws_ticket=a'],
    ['/p/h/5/', '/tree/why?#.ipynb', '/p/h/5/tree/why%3F%23.ipynb'],
    ['', '/x', '/x'],
  ])('opens a page within %s', async (address, path, expected) => {
    expect((await sessionWith(address)).open(path)).toBe(`http://127.0.0.1:5050${expected}`);
  });
});
