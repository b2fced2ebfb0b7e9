// Two GiB up and down, through the SDK and over plain HTTP, and uploads that break.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Workspace } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';

const MiB = 1024 * 1024;
const sizeBytes = 2048 * MiB;
const allowedGrowthBytes = 50 * MiB;

/** A megabyte whose every page differs; the file repeats it with the number of the repetition in front. */
const pattern = Buffer.alloc(MiB, Buffer.from(Array.from({ length: 4099 }, (_, index) => (index * 31) & 0xff)));

function piece(index: number): Buffer {
  const bytes = Buffer.from(pattern);
  bytes.writeUInt32LE(index, 0);
  return bytes;
}

let server: RunningServer;
let ada: User;
let workspace: Workspace;

beforeAll(async () => {
  server = await startServer();
  ada = await signIn(server);
  workspace = await ada.client.workspaces.create({ name: 'Large', description: '' });
  // What any first transfer loads, of whatever size, is not growth.
  const warm = new Blob(Array.from({ length: 64 }, () => pattern));
  await ada.client.files.upload(workspace.id, 'warm.bin', warm);
  await ada.client.files.write(workspace.id, 'warm.bin', warm.stream());
  for await (const _ of await ada.client.files.read(workspace.id, 'warm.bin'));
});

afterAll(async () => {
  expect(await putAway(server, [ada])).toEqual([]);
});

async function memory(field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

/** By how much the server's memory exceeded, at its highest, what it was before. */
async function growth(work: () => Promise<void>): Promise<number> {
  const before = await memory('VmRSS');
  await writeFile(`/proc/${server.process.pid}/clear_refs`, '5');
  await work();
  return (await memory('VmHWM')) - before;
}

/** Checks every byte of a download and returns how many there were. */
async function check(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let position = 0;
  let expected = piece(0);
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      const offset = position % MiB;
      if (offset === 0) expected = piece(position / MiB);
      const length = Math.min(rest.length, MiB - offset);
      if (rest.compare(expected, offset, offset + length, 0, length) !== 0)
        throw new Error(`Byte ${position} or one after it is wrong.`);
      position += length;
      rest = rest.subarray(length);
    }
  }
  return position;
}

describe('two GiB in constant memory', () => {
  test('up in one streamed request, and down', { timeout: 120_000 }, async () => {
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < sizeBytes / MiB; index++) yield piece(index);
    }
    const grown = await growth(async () => {
      const file = await ada.client.files.write(workspace.id, 'streamed.bin', content());
      expect(file.size_bytes).toBe(sizeBytes);
      expect(await check(await ada.client.files.read(workspace.id, 'streamed.bin'))).toBe(sizeBytes);
    });
    expect(grown).toBeLessThan(allowedGrowthBytes);
  });

  test('down to readers that do not read', async () => {
    const grown = await growth(async () => {
      const stop = new AbortController();
      const path = `/workspaces/${workspace.id}/files/content/?path=streamed.bin`;
      const readers = await Promise.all(Array.from({ length: 8 }, () => ada.request(path, { signal: stop.signal })));
      expect(readers.map(({ status }) => status)).toEqual(readers.map(() => 200));
      await delay(1_000);
      stop.abort();
    });
    expect(grown).toBeLessThan(allowedGrowthBytes);
    await ada.client.files.delete(workspace.id, 'streamed.bin');
  });

  test('up in chunks', { timeout: 120_000 }, async () => {
    let told = 0;
    const grown = await growth(async () => {
      const source = {
        sizeBytes,
        slice: (start: number, end: number) =>
          Buffer.concat(Array.from({ length: (end - start) / MiB }, (_, index) => piece(start / MiB + index))),
      };
      const file = await ada.client.files.upload(workspace.id, 'data/chunks.bin', source, {
        chunkSizeBytes: 16 * MiB,
        onProgress: ({ transferredBytes }) => {
          told = transferredBytes;
        },
      });
      expect(file.size_bytes).toBe(sizeBytes);
    });
    expect(told).toBe(sizeBytes);
    expect(grown).toBeLessThan(allowedGrowthBytes);
    const last = await ada.request(`/workspaces/${workspace.id}/files/content/?path=data/chunks.bin`, {
      headers: { Range: `bytes=${sizeBytes - 5}-` },
    });
    expect(last.status).toBe(206);
    expect(Buffer.from(await last.arrayBuffer())).toEqual(piece(2047).subarray(-5));
    await ada.client.files.delete(workspace.id, 'data');
  });
});

describe('an upload that breaks', () => {
  /** Sends some of a body that was announced to be larger, and hangs up. */
  async function sendHalf(path: string, announcedBytes: number): Promise<void> {
    const request = httpRequest(`${server.baseUrl}/workspaces/${workspace.id}/files/content/?path=${path}`, {
      method: 'PUT',
      headers: { 'UWS-Authorization': `Token ${ada.token}`, 'Content-Length': announcedBytes },
    });
    const closed = new Promise((resolve) => request.on('close', resolve));
    // Hanging up is an error of its own request.
    request.on('error', () => undefined);
    await new Promise((resolve) => request.write(Buffer.alloc(announcedBytes / 2, 'x'), resolve));
    await delay(200);
    request.destroy();
    await closed;
  }

  async function files(): Promise<string[]> {
    return (await ada.client.files.list(workspace.id)).items.map(({ name }) => name);
  }

  test('leaves the old file, and nothing of the new one', async () => {
    await ada.client.files.write(workspace.id, 'kept.txt', 'the old content');
    const before = await files();
    await sendHalf('kept.txt', 20 * MiB);
    await sendHalf('never.txt', 20 * MiB);
    expect(await ada.client.files.readText(workspace.id, 'kept.txt')).toBe('the old content');
    expect(await files()).toEqual(before);
    const directory = join(server.dataDirectory, 'workspaces');
    await expect.poll(() => leftovers(directory)).toEqual([]);
  });

  test('in chunks goes on where it was, also after a restart of the server', async () => {
    const content = Buffer.concat([piece(0), piece(1), piece(2)]);
    const stop = new AbortController();
    let uploadId = '';
    const broken = ada.client.files.upload(workspace.id, 'resumed.bin', new Blob([content]), {
      chunkSizeBytes: MiB,
      signal: stop.signal,
      onProgress: (progress) => {
        uploadId = progress.uploadId;
        if (progress.transferredBytes === MiB) stop.abort();
      },
    });
    await expect(broken).rejects.toMatchObject({ code: 'aborted' });
    await expect(ada.client.files.read(workspace.id, 'resumed.bin')).rejects.toMatchObject({ code: 'not_found' });
    const { port, dataDirectory } = server;
    await server.stop('SIGKILL');
    server = await startServer({ port, dataDirectory });
    const steps: number[] = [];
    await ada.client.files.upload(workspace.id, 'resumed.bin', new Blob([content]), {
      uploadId,
      onProgress: ({ transferredBytes }) => steps.push(transferredBytes),
    });
    expect(steps[0]).toBeGreaterThanOrEqual(MiB);
    expect(await check(await ada.client.files.read(workspace.id, 'resumed.bin'))).toBe(3 * MiB);
    const directory = join(server.dataDirectory, 'workspaces');
    await expect.poll(() => leftovers(directory)).toEqual([]);
  });

  test('is refused where the file has changed meanwhile, whichever way the version is written', async () => {
    const first = await ada.client.files.write(workspace.id, 'shared.txt', 'one');
    const { etag } = await ada.client.files.read(workspace.id, 'shared.txt');
    const second = await ada.client.files.upload(workspace.id, 'shared.txt', new Blob(['two']), { ifMatch: etag });
    for (const old of [first.etag, etag]) {
      const late = ada.client.files.upload(workspace.id, 'shared.txt', new Blob(['three']), { ifMatch: old });
      await expect(late).rejects.toMatchObject({ code: 'precondition_failed', status: 412 });
      const written = ada.client.files.write(workspace.id, 'shared.txt', 'three', { ifMatch: old });
      await expect(written).rejects.toMatchObject({ code: 'precondition_failed', status: 412 });
    }
    await ada.client.files.write(workspace.id, 'shared.txt', 'three', { ifMatch: second.etag });
    expect(await ada.client.files.readText(workspace.id, 'shared.txt')).toBe('three');
  });
});

/** Files of the storage that belong to no finished upload. */
async function leftovers(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !['kept.txt', 'resumed.bin', 'shared.txt', 'warm.bin'].includes(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
