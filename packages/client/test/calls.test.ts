import { describe, expect, it } from 'vitest';
import { AbortedError, TimeoutError, UserWorkspaces } from '../src/index.js';
import { clientOf, failureOf, job, listen, ok } from './listening.js';

const workspace = { id: 7, name: 'First', datetime_created: '2026-11-23T09:06:52.400Z' };
const created = ok({ workspace });

describe('retries', () => {
  it('repeats a read after 503 and honours Retry-After in seconds', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index === 0) exchange.json(503, { success: false, message: 'Wait.' }, { 'retry-after': '1' });
      else exchange.json(200, ok({ jobs: [job] }));
    });
    const began = Date.now();
    expect((await clientOf(url).jobs.list()).items).toMatchObject([{ id: 5, core_hours: 0.00277 }]);
    expect(Date.now() - began).toBeGreaterThanOrEqual(990);
    expect(requests).toHaveLength(2);
  });

  it('honours Retry-After as a date', async () => {
    const { url } = await listen((exchange) => {
      const date = new Date(Date.now() + 2_000).toUTCString();
      if (exchange.index === 0) exchange.json(429, { success: false, message: 'Slowly.' }, { 'retry-after': date });
      else exchange.json(200, ok({ jobs: [] }));
    });
    const began = Date.now();
    await clientOf(url).jobs.list();
    // The header has whole seconds.
    expect(Date.now() - began).toBeGreaterThanOrEqual(900);
  });

  it('leaves a long Retry-After to the caller', async () => {
    const { url, requests } = await listen((exchange) =>
      exchange.json(503, { success: false, message: 'Maintenance.' }, { 'retry-after': '3600' }),
    );
    const error = await failureOf(clientOf(url).jobs.list());
    expect(error).toMatchObject({ code: 'unavailable', retryable: true, retryAfterMs: 3_600_000 });
    expect(requests).toHaveLength(1);
  });

  it('creates and starts with the same Idempotency-Key at every attempt, and with another at every call', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index === 0) exchange.request.socket.destroy();
      else if (exchange.index === 1)
        exchange.json(409, { success: false, message: 'At work.', error: { code: 'idempotency_conflict' } });
      else exchange.json(200, created);
    });
    const client = clientOf(url);
    await client.workspaces.create({ name: 'First', description: '' });
    await client.workspaces.create({ name: 'First', description: '' });
    await client.workspaces.create({ name: 'First', description: '' }, { idempotencyKey: 'order-1' });
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys.slice(1, 3)).toEqual([keys[0], keys[0]]);
    expect(keys[3]).not.toBe(keys[0]);
    expect(keys[4]).toBe('order-1');
  });

  it('never repeats a renaming whose answer was lost', async () => {
    const { url, requests } = await listen((exchange) => {
      exchange.request.socket.destroy();
    });
    const error = await failureOf(clientOf(url).files.rename(7, 'a', 'b'));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection_reset', retryable: true });
    expect(requests).toHaveLength(1);
  });

  it('repeats a renaming that was refused as a whole', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index === 0) exchange.json(429, { success: false, message: 'Slowly.' }, { 'retry-after': '0' });
      else exchange.json(200, ok({ file: { path: 'b' } }));
    });
    expect(await clientOf(url).files.rename(7, 'a', 'b')).toEqual({ path: 'b' });
    expect(requests).toHaveLength(2);
  });

  it('takes a repeated deletion and a repeated stop as done when the first attempt did it', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index % 2 === 0) exchange.request.socket.destroy();
      else exchange.json(exchange.request.method === 'DELETE' ? 404 : 400, { success: false, message: 'Gone.' });
    });
    await clientOf(url).workspaces.delete(7);
    await clientOf(url).jobs.stop(5);
    expect(requests).toHaveLength(4);
  });

  it('does not take the first answer of that kind as done', async () => {
    const { url } = await listen((exchange) => exchange.json(404, { success: false, message: 'Not found.' }));
    await expect(clientOf(url).workspaces.delete(7)).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('does not repeat what a quota or a defect refused', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index > 0) return exchange.json(500, { success: false, message: 'Defect.' });
      const error = { code: 'quota_exceeded', details: { limit: 2, used: 2, requested: 1 } };
      exchange.json(429, { success: false, message: 'Two jobs are running.', error, request_id: 'r-1' });
    });
    const client = clientOf(url);
    expect(await failureOf(client.workspaces.start(7, {}))).toMatchObject({
      name: 'LimitError',
      code: 'quota_exceeded',
      retryable: false,
      requestId: 'r-1',
      details: { limit: 2, used: 2, requested: 1 },
    });
    expect(await failureOf(client.jobs.list())).toMatchObject({ name: 'ServerError', code: 'internal' });
    expect(requests).toHaveLength(2);
  });

  it('gives up after the retries and throws the last error', async () => {
    const { url, requests } = await listen((exchange) =>
      exchange.json(503, { success: false, message: 'Away.' }, { 'retry-after': '0', 'x-request-id': 'from-header' }),
    );
    expect(await failureOf(clientOf(url, { retries: 3 }).jobs.list())).toMatchObject({ requestId: 'from-header' });
    expect(requests).toHaveLength(4);
  });
});

describe('time-outs and aborts', () => {
  it('gives each attempt its own time', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index > 0) exchange.json(200, ok({ jobs: [] }));
    });
    await clientOf(url).jobs.list({}, { timeoutMs: 200 });
    expect(requests).toHaveLength(2);
  });

  it('counts the body of an answer in the time, and never quotes the token', async () => {
    const { url } = await listen(({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"success":');
    });
    const error = await failureOf(clientOf(url).jobs.list({}, { timeoutMs: 150, retries: 0 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('GET /jobs/');
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 10 })).not.toContain('secret-token');
  });

  it('aborts a call under way, and one that waits for its next attempt', async () => {
    const { url } = await listen((exchange) => {
      if (exchange.path.startsWith('/jobs/')) exchange.json(503, {}, { 'retry-after': '30' });
    });
    const client = clientOf(url);
    for (const call of [
      (signal: AbortSignal) => client.me({ signal }),
      (signal: AbortSignal) => client.jobs.list({}, { signal }),
    ]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 100);
      const error = await failureOf(call(controller.signal));
      expect(error).toBeInstanceOf(AbortedError);
      expect(error.cause).toMatchObject({ message: 'enough' });
    }
  });

  it('tells the time of a signal from its abortion, and sends nothing under an aborted one', async () => {
    const { url, requests } = await listen(() => {});
    const client = clientOf(url);
    await expect(client.me({ signal: AbortSignal.timeout(1_000) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(client.me({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
    expect(requests).toHaveLength(1);
  });
});

describe('credentials', () => {
  it('sends the token as the header asks, but not to public calls', async () => {
    const { url, requests } = await listen((exchange) => exchange.json(200, ok({ jobs: [], job_types: {} })));
    const client = clientOf(url);
    await client.jobs.list();
    await client.catalogue.jobTypes();
    expect(requests.map(({ headers }) => headers['uws-authorization'])).toEqual(['Token secret-token', undefined]);
    expect(requests.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined]);
  });

  it('asks a token function at every attempt', async () => {
    const tokens = ['first', 'second'];
    const { url, requests } = await listen((exchange) => {
      if (exchange.index === 0) exchange.json(503, {}, { 'retry-after': '0' });
      else exchange.json(200, ok({ jobs: [] }));
    });
    await clientOf(url, { token: async () => tokens.shift() }).jobs.list();
    expect(requests.map(({ headers }) => headers['uws-authorization'])).toEqual(['Token first', 'Token second']);
  });

  it('uses the token of a sign-in until it signs out', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.path !== '/tokens/') return exchange.json(200, ok({ user: { id: 1 } }));
      exchange.json(200, { ...ok(), token: 'fresh', datetime_expires: '2026-12-23T00:00:00.000Z' });
    });
    const client = new UserWorkspaces({ baseUrl: url });
    const { token, expiresAt } = await client.signIn({ client_token: 'x' });
    expect([token, expiresAt?.toISOString()]).toEqual(['fresh', '2026-12-23T00:00:00.000Z']);
    await client.me();
    await client.signOut();
    await client.me();
    const sent = requests.map(({ path, headers }) => `${path} ${headers['uws-authorization']}`);
    expect(sent).toEqual([
      '/tokens/ undefined',
      '/me/ Token fresh',
      '/me/tokens/current/ Token fresh',
      '/me/ undefined',
    ]);
  });

  it('follows no redirect, so that the token stays', async () => {
    const other = await listen((exchange) => exchange.json(200, ok({ jobs: [] })));
    const { url } = await listen(({ response }) => {
      response.writeHead(301, { location: `${other.url}/jobs/` }).end();
    });
    const error = await failureOf(clientOf(url).jobs.list());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'unexpected_redirect' });
    expect(other.requests).toHaveLength(0);
  });

  it('refuses a token that a header cannot carry without quoting it', async () => {
    const client = clientOf('http://127.0.0.1:9', { token: 'bro\nken' });
    const error = await failureOf(client.me());
    expect(error).toMatchObject({ name: 'AuthenticationError', code: 'invalid_token' });
    expect(error.message).not.toContain('bro');
  });
});

describe('addresses and arguments', () => {
  it('keeps the prefix under which the server is mounted, and encodes what is in a query', async () => {
    const { url, requests } = await listen((exchange) => exchange.json(200, ok()));
    await clientOf(`${url}/portal/uws/`).files.delete(7, '../a b?&#/ü');
    expect(requests[0]?.path).toBe('/portal/uws/workspaces/7/files/?path=..%2Fa+b%3F%26%23%2F%C3%BC');
  });

  it.each(['..', '.', '', 'a/b', '%2e%2e', '?x'])('refuses the id %j before anything is sent', async (id) => {
    const { url, requests } = await listen((exchange) => exchange.json(200, ok()));
    const error = await failureOf(clientOf(url).files.getUpload(7, id));
    expect(error).toMatchObject({ name: 'InvalidRequestError', code: 'invalid_argument', field: 'upload_id' });
    expect(requests).toHaveLength(0);
  });

  it('refuses options that cannot work', () => {
    for (const options of [
      { baseUrl: 'nowhere' },
      { baseUrl: 'file:///etc' },
      { baseUrl: 'http://x', timeoutMs: -1 },
    ]) {
      expect(() => new UserWorkspaces(options)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });

  it('says so when the server is not this API', async () => {
    const { url } = await listen(({ response }) => void response.writeHead(200).end('<!doctype html>'));
    expect(await failureOf(clientOf(url).jobs.list())).toMatchObject({ name: 'ServerError', code: 'invalid_answer' });
  });
});

describe('pages', () => {
  it('gives the first page when awaited, and every item when iterated', async () => {
    const { url, requests } = await listen((exchange) => {
      const cursor = new URL(exchange.path, url).searchParams.get('cursor');
      const from = cursor === null ? 0 : Number(cursor);
      const jobs = [0, 1].map((offset) => ({ ...job, id: from + offset }));
      exchange.json(200, ok({ jobs, ...(from < 4 ? { next_cursor: String(from + 2) } : {}) }));
    });
    const client = clientOf(url);
    const first = await client.jobs.list({ limit: 2, job_type: 'terminal' });
    expect([first.items.map(({ id }) => id), first.nextCursor]).toEqual([[0, 1], '2']);
    const ids: number[] = [];
    for await (const { id } of client.jobs.list({ limit: 2, job_type: 'terminal' })) ids.push(id);
    expect(ids).toEqual([0, 1, 2, 3, 4, 5]);
    expect(requests.map(({ path }) => path).slice(1)).toEqual([
      '/jobs/?limit=2&job_type=terminal',
      '/jobs/?limit=2&job_type=terminal&cursor=2',
      '/jobs/?limit=2&job_type=terminal&cursor=4',
    ]);
  });
});
