// Bodies that lie about their size or form: what they were to change stays as it is, and the server goes on.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../../support/requirements.js';
import { hookTimeout, json, lay, type Siege, serverAccounts, type Target } from './siege.js';

const limitBytes = 1024 * 1024;

describeWith(['python3'], 'hostile bodies', () => {
  describe('with a server as any account', () => {
    let siege: Siege;
    let target: Target;
    beforeAll(async () => {
      // What a body is does not depend on the account.
      siege = await lay(serverAccounts[0] ?? 'a plain user');
      target = await siege.workspace();
    }, hookTimeout);
    afterAll(() => siege?.end(), hookTimeout);

    const content = (path = 'd/f'): string => `/workspaces/${target.id}/files/content/?path=${path}`;
    async function expectUnchanged(): Promise<void> {
      expect(await readFile(target.at('d/f'), 'utf8')).toBe('mine, d/f');
      await siege.expectUntouched();
    }

    test('compressed bodies are refused, not stored and not unpacked', { timeout: 120_000 }, async () => {
      const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
      const begun = await siege.send(
        `/workspaces/${target.id}/uploads/`,
        json('POST', { path: 'up', size_bytes: 1e9 }),
      );
      const upload = /"id":"([0-9a-f]{32})"/.exec(begun.text)?.[1];
      for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'x-gzip', 'GZIP', 'gzip, gzip', 'identity, gzip']) {
        const headers = { 'Content-Encoding': encoding, 'Content-Type': 'multipart/form-data; boundary=b' };
        for (const [path, method] of [
          [content(), 'PUT'],
          ['/workspaces/', 'POST'],
          [`/workspaces/${target.id}/`, 'PUT'],
          [`/workspaces/${target.id}/upload/`, 'PUT'],
          [`/workspaces/${target.id}/uploads/${upload}/?offset=0`, 'PUT'],
        ] as const) {
          const answer = await siege.send(path, { method, headers, body: method === 'POST' ? gzipSync('{}') : bomb });
          expect([encoding, path, answer.status, answer.text]).toEqual([
            encoding,
            path,
            400,
            expect.stringContaining('Content-Encoding'),
          ]);
        }
      }
      expect(
        (await siege.send(content('d/g'), { method: 'PUT', headers: { 'Content-Encoding': 'identity' }, body: 'x' }))
          .status,
      ).toBe(200);
      await expectUnchanged();
    });

    test('JSON at the limit is read, beyond it refused', async () => {
      const body = (size: number): string => {
        const frame = JSON.stringify({ name: '', description: '' });
        return frame.replace('""', `"${'n'.repeat(size - frame.length)}"`);
      };
      const at = await siege.send('/workspaces/', json('POST', body(limitBytes)));
      expect(at.status).not.toBe(413);
      for (const size of [limitBytes + 1, limitBytes * 3]) {
        expect((await siege.send('/workspaces/', json('POST', body(size)))).status).toBe(413);
      }
      let sentBytes = 0;
      const chunked = new ReadableStream({
        // A stream that always has more at once can keep fetch from noticing that nobody reads any more, until the memory is full.
        pull: async (controller) => {
          await turn();
          sentBytes += 64 * 1024;
          if (sentBytes > 64 * limitBytes) controller.close();
          else controller.enqueue(Buffer.alloc(64 * 1024, ' '));
        },
      });
      const endless = await siege
        .send('/workspaces/', { method: 'POST', body: chunked, duplex: 'half' } as RequestInit)
        .catch(() => undefined);
      expect(endless?.status ?? 413).toBe(413);
      await expectUnchanged();
    });

    test('nested, repeated and reserved keys break nothing', { timeout: 300_000 }, async () => {
      const depth = 100_000;
      const nested = [
        '['.repeat(depth) + ']'.repeat(depth),
        `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
        '['.repeat(limitBytes - 100),
        `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
      ];
      const keys = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'then', '\u0000', '\ud800'];
      const values = [
        ...nested,
        ...keys.map((key) => `{${JSON.stringify(key)}:{"isAdmin":true,"name":"x","path":"../f"}}`),
        `{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(',')}}`,
      ];
      let tried = 0;
      for (const value of values) {
        const bodies: readonly [string, string, string][] = [
          ['POST', '/workspaces/', value],
          ['POST', '/workspaces/', `{"name":"n","description":"","workspace_details":${value}}`],
          [
            'POST',
            '/workspaces/',
            `{"name":"n","description":"","workspace_details":{"files":${value},"symlinks":${value}}}`,
          ],
          ['POST', '/workspaces/', `{"name":${value},"description":""}`],
          ['PUT', `/workspaces/${target.id}/`, value],
          ['PUT', `/workspaces/${target.id}/start/`, `{"job_type":"local_test_job","job_details":${value}}`],
          ['PUT', `/workspaces/${target.id}/start/`, `{"job_type":"local_test_job","resource_options":${value}}`],
          ['PUT', `/workspaces/${target.id}/files/rename/`, `{"from":"d/f","to":${value}}`],
          ['POST', `/workspaces/${target.id}/uploads/`, `{"path":${value},"size_bytes":1}`],
          ['POST', '/shared_workspaces/', `{"original_workspace_id":${target.id},"shared_user_ids":${value}}`],
          ['POST', '/tokens/', value],
          ['POST', '/tokens/', `{"client_token":"x","user_info":${value}}`],
        ];
        for (const [method, path, body] of bodies) {
          tried += 1;
          const { status } = await siege.send(path, json(method, body));
          expect([path, body.slice(0, 80), status]).toEqual([path, body.slice(0, 80), expect.any(Number)]);
        }
      }
      console.info(`hostile JSON: ${tried} requests`);
      expect(await siege.ada.client.me()).toMatchObject({ username: 'ada' });
      await siege.expectUntouched();
    });

    test('of a repeated key one value counts, for the check as for the effect', async () => {
      const body = `{"from":"../../x","from":"d/f","to":"d/renamed","to":"../x"}`;
      expect((await siege.send(`/workspaces/${target.id}/files/rename/`, json('PUT', body))).status).toBe(400);
      await expectUnchanged();
    });

    test('bytes that are no UTF-8, marks and controls are refused or kept as they are', async () => {
      const frame = (name: string): Blob =>
        new Blob(['{"from":"d/f","to":"', new Uint8Array(Buffer.from(name, 'hex')), '"}']);
      for (const name of ['ff', 'c0ae', 'eda080', 'f8888080', '00', '0a', 'c3']) {
        const init = { ...json('PUT', ''), body: frame(name) };
        expect([name, (await siege.send(`/workspaces/${target.id}/files/rename/`, init)).status]).toEqual([name, 400]);
      }
      for (const text of [
        '\ufeff{"from":"d/none","to":"x"}',
        '{"from":"d/f","to":"\\ud800"}',
        '{"from":"d/f","to":"a\\u0000"}',
      ])
        expect(
          (await siege.send(`/workspaces/${target.id}/files/rename/`, json('PUT', text))).status,
        ).toBeGreaterThanOrEqual(400);
      await expectUnchanged();
    });

    test('a request that is shorter or longer than it says changes nothing', { timeout: 120_000 }, async () => {
      const head = (headers: readonly string[]): string =>
        [
          `PUT ${content()} HTTP/1.1`,
          'Host: 127.0.0.1',
          `UWS-Authorization: Token ${siege.ada.token}`,
          'Connection: close',
          ...headers,
          '',
          '',
        ].join('\r\n');
      const raw: readonly string[] = [
        `${head(['Content-Length: 100'])}short`,
        `${head(['Content-Length: -1'])}x`,
        `${head(['Content-Length: 5', 'Content-Length: 6'])}xxxxxx`,
        `${head(['Content-Length: 5x'])}xxxxx`,
        `${head(['Content-Length: 18446744073709551617'])}x`,
        `${head(['Transfer-Encoding: chunked'])}5\r\nabc`,
        `${head(['Transfer-Encoding: chunked'])}zz\r\nabc\r\n0\r\n\r\n`,
        `${head(['Transfer-Encoding: chunked'])}fffffffffffffffff\r\nabc`,
        `${head(['Transfer-Encoding: chunked', 'Content-Length: 3'])}3\r\nabc\r\n0\r\n\r\n`,
        `${head(['Transfer-Encoding: gzip, chunked'])}3\r\nabc\r\n0\r\n\r\n`,
        `${head(['Transfer-Encoding: chunked, identity'])}3\r\nabc\r\n0\r\n\r\n`,
      ];
      for (const request of raw) {
        const socket = connect(siege.server.port, '127.0.0.1');
        socket.on('error', () => undefined);
        let answer = '';
        socket.on('data', (chunk) => {
          answer += String(chunk);
        });
        socket.end(request);
        await once(socket, 'close');
        expect([request.split('\r\n').slice(4, 6), answer]).toEqual([
          request.split('\r\n').slice(4, 6),
          expect.not.stringMatching(/^HTTP\/1\.1 [25]/),
        ]);
        await expectUnchanged();
      }
    });
  });
});
