// Answers with many entries: the same bytes as if they were one text, made and sent in pieces.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Listing } from '../../src/files/listing.js';
import { answerOfListing } from '../../src/files/listing-answer.js';
import { viewFile } from '../../src/files/view-file.js';
import { LargeAnswer } from '../../src/http/large-answer.js';
import { type Fixture, startFixture } from './fixture.js';

function entriesOf(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    path: `é/"${index}"`,
    kind: 'file',
    sizeBytes: index,
    modifiedAtMs: index,
    etag: '"e"',
  }));
}

function listingOf(entries: readonly Entry[]): Listing {
  return {
    entries: (async function* () {
      yield* entries;
    })(),
    next: () => undefined,
  };
}

async function textOf(answer: object): Promise<string> {
  if (!(answer instanceof LargeAnswer)) return JSON.stringify(answer);
  const { headers, body } = answer.raw();
  const pieces: Uint8Array[] = [];
  if (typeof body === 'object') for await (const piece of body) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  expect(headers['Content-Length']).toBe(String(bytes.length));
  return bytes.toString();
}

it.each([
  0, 1, 999, 1_000, 1_001, 2_000, 2_001, 5_500,
])('%i entries are the text that they are at once', async (count) => {
  const entries = entriesOf(count);
  const whole = { message: 'Successful.', success: true, data: { files: entries.map(viewFile) } };
  const answer = await answerOfListing(listingOf(entries));
  expect(answer instanceof LargeAnswer).toBe(count > 1_000);
  expect(await textOf(answer)).toBe(JSON.stringify(whole));
});

it('others have their turn while many entries become text', async () => {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  await answerOfListing(listingOf(entriesOf(50_000)));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});

let server: Fixture;
beforeAll(async () => {
  server = await startFixture();
  for (let index = 0; index < 1_500; index += 1) await writeFile(join(server.directory, `f${index}`), '');
});
afterAll(() => server.close());

it.each([
  [500, '?limit=500'],
  [1_500, ''],
])('an answer with %i entries tells its length, to HEAD too', async (count, query) => {
  const path = `/workspaces/${server.workspace.id}/files/${query}`;
  const answer = await server.call(path);
  const text = await answer.text();
  const body: { data: { files: unknown[] } } = JSON.parse(text);
  expect(body.data.files.length).toBe(count);
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
  };
  expect(Object.fromEntries(answer.headers)).toMatchObject({ ...headers, 'access-control-allow-origin': '*' });
  const head = await server.call(path, { method: 'HEAD' });
  expect([head.status, await head.text(), Object.fromEntries(head.headers)]).toMatchObject([200, '', headers]);
});
