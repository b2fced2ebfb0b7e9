import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Schema } from '@user-workspaces/schema';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Fixture, startFixture, until } from './fixture.js';

let server: Fixture;
beforeEach(async () => {
  server = await startFixture();
});
afterEach(() => server.close());

type Upload = Schema<'Upload'>;

const at = (rest = ''): string => `/workspaces/${server.workspace.id}/uploads/${rest}`;
const onDisk = (path: string): Promise<Buffer> => readFile(join(server.directory, path));

async function upload(answer: Response): Promise<Upload> {
  const body = (await answer.json()) as { data: { upload: Upload } };
  expect([answer.status, body]).toMatchObject([200, { success: true }]);
  return body.data.upload;
}
async function begin(path: string, sizeBytes: number, more: object = {}): Promise<Upload> {
  const body = JSON.stringify({ path, size_bytes: sizeBytes, ...more });
  return upload(await server.call(at(), { method: 'POST', body }));
}
const append = (id: string, offset: number, body: BodyInit): Promise<Response> =>
  server.call(at(`${id}/?offset=${offset}`), { method: 'PUT', body });

describe('an upload in chunks', () => {
  it('puts the file in place with its last chunk', async () => {
    const content = randomBytes(300_000);
    const begun = await begin('data/big', content.length);
    expect(begun).toMatchObject({ offset: 0, path: 'data/big', size_bytes: 300_000 });
    expect(await upload(await append(begun.id, 0, content.subarray(0, 100_000)))).toMatchObject({ offset: 100_000 });
    expect(await readdir(server.directory)).toEqual([]);
    expect(await upload(await server.call(at(`${begun.id}/`)))).toMatchObject({ offset: 100_000 });
    const last = await upload(await append(begun.id, 100_000, content.subarray(100_000)));
    expect(last).toMatchObject({ offset: 300_000, file: { path: 'data/big', size_bytes: 300_000 } });
    expect((await onDisk('data/big')).equals(content)).toBe(true);
    // Whoever lost the last answer can ask for it, or send an empty chunk.
    const again = await upload(await server.call(at(`${begun.id}/`)));
    expect(again).toMatchObject({ offset: again.size_bytes, file: { path: again.path } });
    expect(await upload(await append(begun.id, again.size_bytes, ''))).toEqual(again);
  });

  it('goes on after a broken chunk from what arrived', async () => {
    const content = randomBytes(400_000);
    const begun = await begin('file', content.length);
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `PUT ${at(`${begun.id}/?offset=0`)} HTTP/1.1\r\nHost: x\r\nAuthorization: Token ${server.token}\r\nContent-Length: 400000\r\n\r\n`,
    );
    socket.write(content.subarray(0, 150_000));
    await until(async () => (await upload(await server.call(at(`${begun.id}/`)))).offset > 0);
    socket.destroy();
    let offset = 0;
    await until(async () => {
      const before = offset;
      offset = (await upload(await server.call(at(`${begun.id}/`)))).offset;
      return offset === before && (await append(begun.id, offset + 1, 'x')).status === 409;
    });
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThanOrEqual(150_000);
    await upload(await append(begun.id, offset, content.subarray(offset)));
    expect((await onDisk('file')).equals(content)).toBe(true);
  });

  it('refuses another offset and tells the present one', async () => {
    const begun = await begin('file', 10);
    await append(begun.id, 0, 'abc');
    for (const offset of [0, 2, 4]) {
      const answer = await append(begun.id, offset, 'x');
      expect([answer.status, await answer.json()]).toMatchObject([
        409,
        { error: { code: 'conflict', details: { offset: 3 } } },
      ]);
    }
    expect((await append(begun.id, 3, 'defghij')).status).toBe(200);
    expect((await onDisk('file')).toString()).toBe('abcdefghij');
  });

  it('refuses a chunk beyond the size, with and without a length', async () => {
    const begun = await begin('file', 5);
    const tooLong = await append(begun.id, 0, '123456');
    expect([tooLong.status, await tooLong.json()]).toMatchObject([400, { error: { code: 'invalid_field' } }]);
    const stream = new ReadableStream({
      start(controller) {
        for (const part of ['123', '456']) controller.enqueue(Buffer.from(part));
        controller.close();
      },
    });
    const streamed = await server.call(at(`${begun.id}/?offset=0`), {
      method: 'PUT',
      body: stream,
      duplex: 'half',
    } as RequestInit);
    expect(streamed.status).toBe(400);
    expect(await readdir(server.directory)).toEqual([]);
  });

  it('makes empty files, and replaces only what was meant', async () => {
    const empty = await begin('empty', 0);
    expect(await upload(await append(empty.id, 0, ''))).toMatchObject({ offset: 0, file: { size_bytes: 0 } });
    expect((await onDisk('empty')).length).toBe(0);

    const creating = await begin('file', 3, { if_match: null });
    await writeFile(join(server.directory, 'file'), 'old');
    const late = await append(creating.id, 0, 'new');
    expect([late.status, await late.json()]).toMatchObject([412, { error: { code: 'precondition_failed' } }]);
    expect((await onDisk('file')).toString()).toBe('old');

    const listed = await server.call(`/workspaces/${server.workspace.id}/files/`);
    const { data } = (await listed.json()) as { data: { files: { name: string; etag: string }[] } };
    const etag = data.files.find(({ name }) => name === 'file')?.etag;
    const replacing = await begin('file', 3, { if_match: etag });
    expect((await append(replacing.id, 0, 'new')).status).toBe(200);
    expect((await onDisk('file')).toString()).toBe('new');
  });

  it('completes with an empty chunk when the answer to the last one was lost', async () => {
    const begun = await begin('file', 3);
    const { location } = server.workspace;
    const directory = { location, account: { name: 'alice', uid: null, gid: null } };
    await server.storage.appendUpload(
      directory,
      begun.id,
      0,
      (async function* () {
        yield Buffer.from('abc');
      })(),
    );
    expect(await upload(await append(begun.id, 3, ''))).toMatchObject({ file: { path: 'file' } });
    expect((await onDisk('file')).toString()).toBe('abc');
  });

  it('can be given up', async () => {
    const begun = await begin('file', 10);
    await append(begun.id, 0, 'abc');
    expect((await server.call(at(`${begun.id}/`), { method: 'DELETE' })).status).toBe(200);
    expect((await server.call(at(`${begun.id}/`))).status).toBe(404);
    expect((await append(begun.id, 3, 'x')).status).toBe(404);
  });

  it('can be given up while a chunk arrives', async () => {
    const begun = await begin('file', 10);
    const { storage } = server;
    const appending = vi.spyOn(storage, 'appendUpload').mockImplementationOnce(async (directory, ...rest) => {
      expect((await server.call(at(`${begun.id}/`), { method: 'DELETE' })).status).toBe(200);
      appending.mockRestore();
      return storage.appendUpload(directory, ...rest);
    });
    expect((await append(begun.id, 0, 'abc')).status).toBe(404);
    const { location } = server.workspace;
    const directory = { location, account: { name: 'alice', uid: null, gid: null } };
    expect(await storage.uploadedBytes(directory, begun.id)).toBe(0);
  });

  it('refuses bad beginnings and strangers', async () => {
    await mkdir(join(server.directory, 'folder'));
    const post = (body: object): Promise<Response> =>
      server.call(at(), { method: 'POST', body: JSON.stringify({ size_bytes: 1, ...body }) });
    expect((await post({ path: '../x' })).status).toBe(400);
    expect((await post({ path: 'folder' })).status).toBe(409);
    expect((await post({ path: 'missing', if_match: 'x' })).status).toBe(412);
    expect((await post({ path: 'x', size_bytes: -1 })).status).toBe(400);
    const begun = await begin('file', 10);
    const bob = await server.addUser('bob');
    const headers = { Authorization: `Token ${bob.token}` };
    expect((await server.call(at(`${begun.id}/`), { headers })).status).toBe(404);
    expect((await server.call(at('not-an-id/'))).status).toBe(404);
  });
});

describe('files of a form', () => {
  const put = (body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
    server.call(`/workspaces/${server.workspace.id}/upload/`, { method: 'PUT', body, headers });
  const form = (...files: [field: string, name: string, content: BlobPart][]): FormData => {
    const data = new FormData();
    for (const [field, name, content] of files) data.append(field, new Blob([content]), name);
    return data;
  };
  const raw = (...parts: string[]): [string, Record<string, string>] => [
    `${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--\r\n`,
    { 'Content-Type': 'multipart/form-data; boundary=b' },
  ];
  const file = (name: string): string => `Content-Disposition: form-data; name="f"; filename="${name}"\r\n\r\nx`;

  it('puts all of them into the top directory, also two of one field', async () => {
    const big = randomBytes(3_000_000);
    const answer = await put(form(['a', 'one.txt', '1'], ['b', 'dir/sub/two ü.bin', big], ['b', 'three', '']));
    expect([answer.status, await answer.json()]).toEqual([200, { success: true, message: 'Successful upload.' }]);
    expect((await readdir(server.directory)).sort()).toEqual(['one.txt', 'three', 'two ü.bin']);
    expect((await onDisk('two ü.bin')).equals(big)).toBe(true);
    expect(await server.database.count('uploads', {})).toBe(0);
    expect(await server.database.findOne('workspaces', { id: server.workspace.id })).toMatchObject({
      pending_changes: null,
      lease_owner: null,
      lease_until_ms: 0,
      due_at_ms: null,
    });
  });

  it('lets the last of two files with one name count', async () => {
    expect((await put(form(['a', 'x', 'first'], ['b', 'x', 'second']))).status).toBe(200);
    expect((await onDisk('x')).toString()).toBe('second');
    expect((await put(form(['a', 'x', 'first'], ['b', 'x', '']))).status).toBe(200);
    expect((await onDisk('x')).toString()).toBe('');
  });

  it('takes many small files without gathering them', async () => {
    const files = Array.from({ length: 200 }, (_, index): [string, string, string] => ['f', `n${index}`, `${index}`]);
    expect((await put(form(...files))).status).toBe(200);
    expect((await readdir(server.directory)).length).toBe(200);
    expect((await onDisk('n137')).toString()).toBe('137');
  });

  it('says when there are none', async () => {
    const text = new FormData();
    text.append('field', 'value');
    for (const answer of [
      await put('x'),
      await put(''),
      await put(text),
      await put('{}', { 'Content-Type': 'application/json' }),
      await put(...raw('Content-Disposition: form-data; name="f"; filename=""\r\n\r\n')),
    ]) {
      expect([answer.status, await answer.json()]).toMatchObject([
        400,
        { message: 'No files found in request.', error: { code: 'missing_field' } },
      ]);
    }
  });

  it.each([
    '..',
    'a/..',
    'a..b',
    'x/',
    '.',
    'n'.repeat(256),
    'a\\..',
  ])('refuses the name %j, with all that came before', async (name) => {
    const answer = await put(...raw(file('good'), file(name)));
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_path' } }]);
    expect(await readdir(server.directory)).toEqual([]);
    expect(await server.database.count('uploads', {})).toBe(0);
  });

  it('refuses malformed and endless bodies, and changes nothing', async () => {
    const type = { 'Content-Type': 'multipart/form-data; boundary=b' };
    for (const [body, headers] of [
      [`--b\r\n${file('x')}`, type],
      [`--b\r\n${file('x')}`, { 'Content-Type': 'multipart/form-data' }],
      ['--b\r\nbad header\r\n\r\nx\r\n--b--\r\n', type],
    ] as const) {
      const answer = await put(body, headers);
      expect(answer.status).toBe(400);
    }
    const nameless = 'Content-Disposition: form-data; name="f"\r\nContent-Type: application/octet-stream\r\n\r\nx';
    const field = 'Content-Disposition: form-data; name="f"\r\n\r\nx';
    for (const [part, length] of [
      [nameless, 1_001],
      [field, 2_001],
    ] as const) {
      const many = await put(...raw(file('good'), ...Array.from({ length }, () => part)));
      expect([many.status, await many.json()]).toMatchObject([413, { error: { code: 'too_large' } }]);
    }
    expect(await readdir(server.directory)).toEqual([]);
    expect(await server.database.count('uploads', {})).toBe(0);
  });

  it('changes nothing when a file cannot be put in place', async () => {
    await mkdir(join(server.directory, 'folder'));
    const answer = await put(form(['a', 'first', 'x'], ['b', 'folder', 'y']));
    expect([answer.status, await answer.json()]).toMatchObject([409, { error: { code: 'conflict' } }]);
    expect(await readdir(server.directory)).toEqual(['folder']);
  });

  it('keeps the connection usable after a refusal in the middle of a body', async () => {
    const [body, { 'Content-Type': type = '' }] = raw(file('a..b'), file('later').replace(/x$/, 'y'.repeat(500_000)));
    const head = (method: string, path: string, more = ''): string =>
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token ${server.token}\r\n${more}\r\n`;
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    const path = `/workspaces/${server.workspace.id}/upload/`;
    socket.write(head('PUT', path, `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`));
    socket.write(body.slice(0, 200));
    await until(() => text.includes('invalid_path'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(body.slice(200));
    socket.write(head('GET', '/me/tokens/'));
    await until(() => text.includes('"tokens"'));
    socket.destroy();
  });

  it('answers a refusal while the caller is still sending', async () => {
    const answer = await put(form(['a', 'a..b', 'x'], ['b', 'big', randomBytes(30_000_000)]));
    expect(answer.status).toBe(400);
    expect((await put(form(['a', 'fine', 'x']))).status).toBe(200);
  });
});
