import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from './fixture.js';

let server: Fixture;
beforeAll(async () => {
  server = await startFixture();
});
afterAll(() => server.close());

const sizeBytes = 300 * 1024 * 1024;
/** The caller runs in this process too, so its buffers count. */
const allowedBytes = 100 * 1024 * 1024;

function* pieces(): Generator<Buffer> {
  for (let left = sizeBytes, turn = 0; left > 0; left -= 1024 * 1024, turn++) yield Buffer.alloc(1024 * 1024, turn);
}
const expected = (() => {
  const hash = createHash('sha256');
  for (const piece of pieces()) hash.update(piece);
  return hash.digest('hex');
})();

function exchange(method: string, path: string, body?: Readable, headers: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = request(
      { port: server.port, method, path, headers: { Authorization: `Token ${server.token}`, ...headers } },
      (answer) => {
        const hash = createHash('sha256');
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          if (text.length < 10_000) text += chunk.toString();
        });
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(hash.digest('hex'));
          else reject(new Error(text));
        });
      },
    ).on('error', reject);
    if (body) pipeline(body, sending).catch(reject);
    else sending.end();
  });
}

async function growth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  await work();
  clearInterval(timer);
  return peak - before;
}

describe('300 MiB', () => {
  const content = (): string => `/workspaces/${server.workspace.id}/files/content/?path=big`;

  it('go up and down with constant memory', { timeout: 120_000 }, async () => {
    const up = await growth(async () => {
      await exchange('PUT', content(), Readable.from(pieces()));
    });
    const down = await growth(async () => {
      expect(await exchange('GET', content())).toBe(expected);
    });
    expect(Math.max(up, down)).toBeLessThan(allowedBytes);
  });

  it('go up as a form and come down as an archive with constant memory', { timeout: 120_000 }, async () => {
    const form = function* (): Generator<Buffer> {
      yield Buffer.from('--b\r\nContent-Disposition: form-data; name="f"; filename="form"\r\n\r\n');
      yield* pieces();
      yield Buffer.from('\r\n--b--\r\n');
    };
    const up = await growth(async () => {
      await exchange('PUT', `/workspaces/${server.workspace.id}/upload/`, Readable.from(form()), {
        'Content-Type': 'multipart/form-data; boundary=b',
      });
    });
    expect(await exchange('GET', content().replace('=big', '=form'))).toBe(expected);
    const down = await growth(async () => {
      await exchange('GET', `/workspaces/${server.workspace.id}/files/archive/?format=tar.gz`);
    });
    expect(Math.max(up, down)).toBeLessThan(allowedBytes);
  });
});
