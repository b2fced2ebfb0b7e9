import { createHash, randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Download } from '../src/index.js';
import { clientOf, type Exchange, failureOf, listen, ok } from './listening.js';

const content = randomBytes(300_000);
const file = { path: 'a.bin', name: 'a.bin', kind: 'file', size_bytes: content.length, etag: '"v1"' };

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Serves the content with ranges and If-Match, and breaks the connection after so many bytes of each answer. */
function breaking(bytesPerConnection: number, etagOf: (index: number) => string = () => '"v1"') {
  return ({ request, response, index }: Exchange) => {
    const etag = etagOf(index);
    const wanted = request.headers['if-match'];
    if (wanted !== undefined && wanted !== etag) {
      response.writeHead(412, { 'content-type': 'application/json' });
      return void response.end('{"success":false,"message":"Changed.","error":{"code":"precondition_failed"}}');
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const part = content.subarray(start);
    const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
    response.writeHead(start > 0 ? 206 : 200, { etag, 'content-length': part.length, ...(start > 0 ? range : {}) });
    if (part.length <= bytesPerConnection) return void response.end(part);
    response.write(part.subarray(0, bytesPerConnection), () => setTimeout(() => response.destroy(), 20));
  };
}

describe('downloads', () => {
  it('resumes where a connection broke, in the same version, with progress', async () => {
    const { url, requests } = await listen(breaking(120_000));
    const told: number[] = [];
    const download = await clientOf(url).files.read(7, 'a.bin', {
      onProgress: ({ transferredBytes, sizeBytes }) => told.push(transferredBytes, sizeBytes ?? -1),
    });
    expect([download.sizeBytes, download.etag]).toEqual([300_000, '"v1"']);
    expect((await collect(download)).equals(content)).toBe(true);
    expect(requests.map(({ headers }) => [headers.range, headers['if-match']])).toEqual([
      [undefined, undefined],
      ['bytes=120000-', '"v1"'],
      ['bytes=240000-', '"v1"'],
    ]);
    expect(told.slice(-2)).toEqual([300_000, 300_000]);
  });

  it('begins anew where a connection broke before the first byte', async () => {
    const answer = breaking(Number.POSITIVE_INFINITY);
    const { url, requests } = await listen((exchange) => {
      if (exchange.index > 0) return answer(exchange);
      exchange.response.writeHead(200, { etag: '"v1"', 'content-length': content.length });
      exchange.response.flushHeaders();
      setTimeout(() => exchange.response.destroy(), 20);
    });
    const download = await clientOf(url).files.read(7, 'a.bin');
    expect((await collect(download)).equals(content)).toBe(true);
    expect(requests.map(({ headers }) => [headers.range, headers['if-match']])).toEqual([
      [undefined, undefined],
      [undefined, '"v1"'],
    ]);
  });

  it('gives the same bytes as a stream', async () => {
    const { url } = await listen(breaking(200_000));
    const download = await clientOf(url).files.read(7, 'a.bin');
    const bytes = Buffer.from(await new Response(download.stream()).arrayBuffer());
    expect(bytes.equals(content)).toBe(true);
  });

  it('never mixes two versions of a file', async () => {
    const { url } = await listen(breaking(100_000, (index) => `"v${index}"`));
    const download = await clientOf(url).files.read(7, 'a.bin');
    expect(await failureOf(collect(download))).toMatchObject({ name: 'ConflictError', code: 'precondition_failed' });
  });

  it('does not resume what something on the way recoded', async () => {
    const { url, requests } = await listen(breaking(100_000, () => 'W/"v1"'));
    const download = await clientOf(url).files.read(7, 'a.bin');
    expect(await failureOf(collect(download))).toMatchObject({ code: 'connection_reset' });
    expect(requests).toHaveLength(1);
  });

  it('refuses an answer that does not continue where it was asked to', async () => {
    const { url } = await listen(({ response }) => void response.writeHead(200).end('from the start'));
    const call = clientOf(url).files.read(7, 'a.bin', { offsetBytes: 5, ifMatch: '"v1"' });
    expect(await failureOf(call)).toMatchObject({ code: 'invalid_answer' });
  });

  it('goes on with an earlier download', async () => {
    const { url } = await listen(breaking(400_000));
    const download = await clientOf(url).files.read(7, 'a.bin', { offsetBytes: 299_000, ifMatch: '"v1"' });
    expect(download.sizeBytes).toBe(300_000);
    expect((await collect(download)).equals(content.subarray(299_000))).toBe(true);
  });

  it('resumes after silence too', async () => {
    const { url, requests } = await listen((exchange) => {
      if (exchange.index > 0) return breaking(400_000)(exchange);
      exchange.response.writeHead(200, { etag: '"v1"', 'content-length': content.length });
      exchange.response.write(content.subarray(0, 1000));
    });
    const download = await clientOf(url).files.read(7, 'a.bin', { timeoutMs: 200 });
    expect((await collect(download)).equals(content)).toBe(true);
    expect(requests).toHaveLength(2);
  });

  it('closes the connection when the reader leaves, and when it is told to while it waits', async () => {
    let closed = 0;
    const { url } = await listen(({ response }) => {
      response.on('close', () => {
        closed += 1;
      });
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 1000));
    });
    const client = clientOf(url);
    for await (const _ of await client.files.read(7, 'a.bin')) break;
    const waiting: Download = await client.files.read(7, 'a.bin');
    await waiting.next();
    const pending = waiting.next();
    await waiting[Symbol.asyncDispose]();
    expect(await pending).toEqual({ done: true, value: undefined });
    await expect.poll(() => closed).toBe(2);
  });

  it('reads text, and an archive whose size is not known', async () => {
    const { url, requests } = await listen(({ response, path }) => {
      response.writeHead(200, { etag: '"v1"' });
      response.end(path.includes('/archive/') ? 'PK' : 'grüße');
    });
    const client = clientOf(url);
    expect(await client.files.readText(7, 'notes.md')).toBe('grüße');
    const archive = await client.files.archive(7, { path: 'data', format: 'tar.gz' });
    expect([archive.sizeBytes, (await collect(archive)).toString()]).toEqual([null, 'PK']);
    expect(requests[1]?.path).toBe('/workspaces/7/files/archive/?path=data&format=tar.gz');
  });

  it('reports a missing file before the download begins', async () => {
    const { url } = await listen((exchange) => exchange.json(404, { success: false, message: 'No such file.' }));
    expect(await failureOf(clientOf(url).files.read(7, 'x'))).toMatchObject({ name: 'NotFoundError' });
  });
});

describe('writing in one request', () => {
  it('sends text, bytes, blobs, streams and iterables as they are', async () => {
    const { url, requests } = await listen(async (exchange) => {
      exchange.json(200, ok({ file: { ...file, path: (await exchange.body()).toString() } }));
    });
    const { files } = clientOf(url);
    async function* pieces() {
      yield 'pie';
      yield Buffer.from('ces');
    }
    const written = [
      await files.write(7, 'a', 'text'),
      await files.write(7, 'a', Buffer.from('bytes')),
      await files.write(7, 'a', new Blob(['blob'])),
      await files.write(7, 'a', Readable.toWeb(Readable.from([Buffer.from('stream')]))),
      await files.write(7, 'a', Readable.from([Buffer.from('node')])),
      await files.write(7, 'a', pieces(), { ifMatch: null }),
    ];
    expect(written.map(({ path }) => path)).toEqual(['text', 'bytes', 'blob', 'stream', 'node', 'pieces']);
    expect(requests[0]?.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'content-length': '4' });
    expect(requests[5]?.headers).toMatchObject({ 'if-none-match': '*', 'transfer-encoding': 'chunked' });
  });

  it('streams in constant memory', async () => {
    const { url } = await listen(async (exchange) => {
      const hash = createHash('sha256');
      for await (const chunk of exchange.request) hash.update(chunk);
      exchange.json(200, ok({ file: { ...file, etag: hash.digest('hex') } }));
    });
    const expected = createHash('sha256');
    const chunk = randomBytes(1024 * 1024);
    let peakBytes = 0;
    async function* big() {
      for (let index = 0; index < 256; index += 1) {
        expected.update(chunk);
        peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers);
        yield new Uint8Array(chunk);
      }
    }
    const { etag } = await clientOf(url).files.write(7, 'big', big());
    expect(etag).toBe(expected.digest('hex'));
    expect(peakBytes).toBeLessThan(128 * 1024 * 1024);
  });

  it('repeats what can be sent again, and never a stream', async () => {
    const { url, requests } = await listen(async (exchange) => {
      const body = (await exchange.body()).toString();
      if (exchange.index % 2 === 0) exchange.json(503, {}, { 'retry-after': '0' });
      else exchange.json(200, ok({ file: { ...file, path: body } }));
    });
    const { files } = clientOf(url);
    expect((await files.write(7, 'a', new Blob(['again']))).path).toBe('again');
    expect(await failureOf(files.write(7, 'a', Readable.from([Buffer.from('x')])))).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(3);
  });

  it('ends when the network takes nothing, but not when the source is slow', async () => {
    const { url } = await listen(async (exchange) => {
      if (exchange.path.endsWith('stuck')) return;
      exchange.json(200, ok({ file: { ...file, path: (await exchange.body()).toString() } }));
    });
    const { files } = clientOf(url);
    async function* slow() {
      yield 'a';
      await new Promise((resolve) => setTimeout(resolve, 600));
      yield 'b';
    }
    async function* endless() {
      for (;;) yield new Uint8Array(65_536);
    }
    expect((await files.write(7, 'slow', slow(), { timeoutMs: 300 })).path).toBe('ab');
    expect(await failureOf(files.write(7, 'stuck', endless(), { timeoutMs: 300 }))).toMatchObject({ code: 'timeout' });
  });

  it('reads nothing more from a source once the call is over', async () => {
    const { url } = await listen(() => {});
    let pulls = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          pulls += 1;
          return { done: false as const, value: new Uint8Array(65_536) };
        },
      }),
    };
    await failureOf(clientOf(url).files.write(7, 'stuck', source, { timeoutMs: 200 }));
    const before = pulls;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pulls - before).toBeLessThan(3);
  });

  it('reports an error of the source as that, with its cause', async () => {
    const { url } = await listen(async (exchange) => {
      await exchange.body().catch(() => undefined);
    });
    async function* failing() {
      yield 'a';
      throw new Error('disk on fire');
    }
    const error = await failureOf(clientOf(url).files.write(7, 'a', failing()));
    expect(error).toMatchObject({ code: 'client_failure', cause: { message: 'disk on fire' } });
  });

  it('carries no condition over to a repetition that its first attempt may have met', async () => {
    const { url, requests } = await listen(async (exchange) => {
      await exchange.body();
      exchange.request.socket.destroy();
    });
    await failureOf(clientOf(url).files.write(7, 'a', 'text', { ifMatch: '"v1"' }));
    expect(requests).toHaveLength(1);
  });
});

/** Takes uploads, and breaks every other chunk in its middle after storing what has come. */
function uploads(path: string, options: { readonly breakOdd: boolean }) {
  let stored = Buffer.alloc(0);
  let sizeBytes = 0;
  let chunks = 0;
  const state = { stored: () => stored, offsets: [] as number[] };
  const upload = () => ({
    id: '0'.repeat(32),
    path,
    size_bytes: sizeBytes,
    offset: stored.length,
    ...(stored.length === sizeBytes ? { file: { ...file, size_bytes: sizeBytes } } : {}),
  });
  const answer = async (exchange: Exchange) => {
    const { request } = exchange;
    if (request.method === 'POST') {
      sizeBytes = JSON.parse((await exchange.body()).toString()).size_bytes;
    } else if (request.method === 'PUT') {
      const offset = Number(new URL(exchange.path, 'http://x').searchParams.get('offset'));
      state.offsets.push(offset);
      if (offset !== stored.length) {
        return exchange.json(409, { success: false, message: 'Elsewhere.', error: { code: 'conflict' } });
      }
      const body = await exchange.body();
      chunks += 1;
      if (options.breakOdd && chunks % 2 === 1) {
        stored = Buffer.concat([stored, body.subarray(0, body.length / 2)]);
        return void request.socket.destroy();
      }
      stored = Buffer.concat([stored, body]);
    }
    exchange.json(200, ok({ upload: upload() }));
  };
  return { answer, state };
}

describe('uploads in chunks', () => {
  it('goes on where the server has got to after broken chunks, with progress', async () => {
    const { answer, state } = uploads('a.bin', { breakOdd: true });
    const { url } = await listen(answer);
    const told: number[] = [];
    const stored = await clientOf(url).files.upload(7, 'a.bin', new Blob([content]), {
      chunkSizeBytes: 100_000,
      onProgress: ({ transferredBytes }) => told.push(transferredBytes),
    });
    expect(stored.size_bytes).toBe(content.length);
    expect(state.stored().equals(content)).toBe(true);
    expect(state.offsets.slice(0, 3)).toEqual([0, 50_000, 150_000]);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(300_000);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  it('uploads a file from disk, and any source that can be sliced', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'uws-client-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'a.bin'), content);
    const source = {
      sizeBytes: content.length,
      slice: async (start: number, end: number) => content.subarray(start, end),
    };
    for (const from of [await openAsBlob(join(directory, 'a.bin')), source]) {
      const { answer, state } = uploads('a.bin', { breakOdd: false });
      const { url } = await listen(answer);
      await clientOf(url).files.upload(7, 'a.bin', from, { chunkSizeBytes: 128_000 });
      expect(state.stored().equals(content)).toBe(true);
    }
  });

  it('uploads an empty file', async () => {
    const { answer } = uploads('empty', { breakOdd: false });
    const { url } = await listen(answer);
    expect((await clientOf(url).files.upload(7, 'empty', new Blob([]))).size_bytes).toBe(0);
  });

  it('goes on with an upload that was aborted, and refuses another source for it', async () => {
    const { answer, state } = uploads('a.bin', { breakOdd: false });
    const { url } = await listen(answer);
    const { files } = clientOf(url);
    const controller = new AbortController();
    let uploadId = '';
    const call = files.upload(7, 'a.bin', new Blob([content]), {
      chunkSizeBytes: 100_000,
      signal: controller.signal,
      onProgress(progress) {
        uploadId = progress.uploadId;
        if (progress.transferredBytes >= 100_000) controller.abort();
      },
    });
    expect(await failureOf(call)).toMatchObject({ code: 'aborted' });
    const other = await failureOf(files.upload(7, 'a.bin', new Blob(['other']), { uploadId }));
    expect(other).toMatchObject({ code: 'invalid_argument', field: 'uploadId' });
    await files.upload(7, 'a.bin', new Blob([content]), { uploadId });
    expect(state.offsets).toEqual([0, 100_000]);
    expect(state.stored().equals(content)).toBe(true);
  });

  it('ends when a full disk or a changed source makes it pointless', async () => {
    const begun = { id: '0'.repeat(32), path: 'a', size_bytes: 4, offset: 0 };
    const { url, requests } = await listen(async (exchange) => {
      await exchange.body();
      if (exchange.request.method === 'POST') return exchange.json(200, ok({ upload: begun }));
      exchange.json(507, { success: false, message: 'Full.', error: { code: 'disk_full' } });
    });
    const { files } = clientOf(url);
    expect(await failureOf(files.upload(7, 'a', new Blob(['1234'])))).toMatchObject({
      name: 'LimitError',
      code: 'disk_full',
    });
    expect(requests).toHaveLength(2);
    const shrunk = { sizeBytes: 4, slice: () => new Uint8Array(3) };
    expect(await failureOf(files.upload(7, 'a', shrunk))).toMatchObject({ code: 'invalid_argument', field: 'source' });
  });

  it('ends when the server stays where it is', async () => {
    const begun = { id: '0'.repeat(32), path: 'a', size_bytes: 4, offset: 0 };
    const { url, requests } = await listen(async (exchange) => {
      await exchange.body();
      exchange.json(200, ok({ upload: begun }));
    });
    const error = await failureOf(clientOf(url).files.upload(7, 'a', new Blob(['1234'])));
    expect(error).toMatchObject({ code: 'invalid_answer' });
    expect(requests).toHaveLength(2);
  });
});
