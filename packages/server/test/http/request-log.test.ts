import { request } from 'node:http';
import type { WorkspaceDirectory } from '@user-workspaces/contract';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fixture, startFixture, until } from '../files/fixture.js';

let server: Fixture;
afterEach(() => server.close());

/** The lines of a log, parsed. */
function memoryLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { lines, log };
}

describe('who goes away before the answer', () => {
  it('is no failure of the server, whatever it was at work on', async () => {
    const { lines, log } = memoryLog();
    let arrived: () => void = () => undefined;
    const listing = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    server = await startFixture({
      log,
      storage: (storage) =>
        Object.assign(storage, {
          async *listChosen(_directory: WorkspaceDirectory, _path: string, _choose: unknown, signal?: AbortSignal) {
            arrived();
            await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
            yield* [];
          },
        }),
    });
    const sent = request(`${server.url}/workspaces/${server.workspace.id}/files/`, {
      headers: { Authorization: `Token ${server.token}` },
    });
    sent.on('error', () => undefined).end();
    await listing;
    sent.destroy();
    await until(() => lines.some(({ msg }) => msg === 'request'));
    expect(lines).toEqual([expect.objectContaining({ level: 30, operation: 'listFiles', status: 499 })]);
  });
});

describe('what a caller expects', () => {
  it('is answered in the words of the specification, whether it is known or not', async () => {
    server = await startFixture();
    for (const expectation of ['100-continue', '200-ok']) {
      const sent = request(`${server.url}/me/`, { headers: { Expect: expectation } });
      const answer = await new Promise<{ statusCode?: number; text: string }>((resolve, reject) => {
        sent.on('error', reject).on('response', (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += String(chunk);
          });
          response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, text }));
        });
        sent.end();
      });
      expect([answer.statusCode, JSON.parse(answer.text).error.code]).toEqual([401, 'not_authenticated']);
    }
  });
});

describe('a token in a path', () => {
  it.each([
    '/me/tokens/uws_abcDEF-123_x/',
    '/%75ws_abcDEF-123_x/',
    '/x/%75%77%73%5f%61bcDEF-123_x',
    '/%2575ws_abcDEF-123_x/',
    '/%25252575ws_abcDEF%2D123_x/',
    '/%uws_abcDEF-123_x/%zz',
  ])('does not come into the log: %s', async (path) => {
    const { lines, log } = memoryLog();
    server = await startFixture({ log });
    await fetch(server.url + path);
    await until(() => lines.some(({ msg }) => msg === 'request'));
    expect(String(lines[0]?.path)).toContain('uws_…');
    expect(JSON.stringify(lines)).not.toMatch(/abcDEF|61bcDEF/);
  });

  it('is all that is left out', async () => {
    const { lines, log } = memoryLog();
    server = await startFixture({ log });
    await fetch(`${server.url}/a%20b/%C3%BC/%2F`);
    await until(() => lines.some(({ msg }) => msg === 'request'));
    expect(lines[0]?.path).toBe('/a%20b/%C3%BC/%2F');
  });
});

describe('answers in JSON', () => {
  it('are kept by nobody on their way, errors neither; files may be, with their tags', async () => {
    server = await startFixture();
    const path = `/workspaces/${server.workspace.id}/files/content/?path=a`;
    expect((await server.call(path, { method: 'PUT', body: 'x' })).headers.get('cache-control')).toBe('no-store');
    for (const asked of ['/me/', '/jobs/', '/jobs/9/', '/limits/', '/no-such/', '/healthz']) {
      expect([asked, (await server.call(asked)).headers.get('cache-control')]).toEqual([asked, 'no-store']);
    }
    const file = await server.call(path);
    expect(file.headers.get('cache-control')).toBe('private, no-cache');
    expect(file.headers.get('etag')).not.toBeNull();
  });
});
