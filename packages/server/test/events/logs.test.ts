import type { LogChunk, LogRange, Resource } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, startFixture, until } from '../files/fixture.js';

/** The output of one job as a resource keeps it: what was forgotten of it begins at `oldest`. */
const output = { text: '', oldest: 0, isEnded: false, isAway: false };

async function* logs(_: unknown, range: LogRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
  if (output.isAway) throw new AdapterError('unavailable', 'The resource does not answer.');
  const bytes = (): Buffer => Buffer.from(output.text);
  let position =
    'fromByte' in range
      ? Math.max(range.fromByte, output.oldest)
      : Math.max(output.oldest, bytes().length - range.tailBytes);
  for (;;) {
    const content = bytes().subarray(position, position + 10);
    if (content.length > 0) yield { offsetBytes: position, content };
    else if (!range.follow || output.isEnded || signal?.aborted) return;
    else await new Promise((resolve) => setTimeout(resolve, 10));
    position += content.length;
  }
}

let server: Fixture;
beforeEach(async () => {
  Object.assign(output, { text: '', oldest: 0, isEnded: false, isAway: false });
  server = await startFixture({ resource: { name: 'fake', logs } as Partial<Resource> as Resource });
});
afterEach(() => server.close());

const read = (jobId: number, query = ''): Promise<Response> => server.call(`/jobs/${jobId}/logs/${query}`);
async function expectLog(answer: Response, offset: number, text: string): Promise<void> {
  expect([answer.status, answer.headers.get('x-log-offset'), await answer.text()]).toEqual([200, String(offset), text]);
}

describe('the output of a job', () => {
  const running = { status: 'running', launch_begun: true } as const;

  it('is given from its end or from a position', async () => {
    const job = await server.addJob(running);
    output.text = 'abcdefghijklmnopqrstuvwxyzü';
    const all = await read(job.id);
    expect(all.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(all.headers.get('x-content-type-options')).toBe('nosniff');
    await expectLog(all, 0, output.text);
    await expectLog(await read(job.id, '?tail_bytes=5'), 23, 'xyzü');
    await expectLog(await read(job.id, '?tail_bytes=0'), 28, '');
    await expectLog(await read(job.id, '?offset=20'), 20, 'uvwxyzü');
    await expectLog(await read(job.id, '?offset=28'), 28, '');
    output.oldest = 24;
    await expectLog(await read(job.id, '?offset=3'), 24, 'yzü');
  });

  it('is followed until the job has ended', async () => {
    const job = await server.addJob(running);
    output.text = 'one ';
    const answer = await read(job.id, '?follow=true&tail_bytes=2');
    expect(answer.headers.get('x-log-offset')).toBe('2');
    const text = answer.text();
    output.text += 'two ';
    await new Promise((resolve) => setTimeout(resolve, 50));
    output.text += 'three';
    await server.context.journal.transaction((transaction) => transaction.changeJob(job, { status: 'complete' }));
    output.isEnded = true;
    expect(await text).toBe('e two three');
  });

  it('is followed from before the launch, and while the resource knows nothing yet', async () => {
    const job = await server.addJob();
    const text = read(job.id, '?follow=true').then((answer) => answer.text());
    await new Promise((resolve) => setTimeout(resolve, 50));
    output.isEnded = true;
    const launched = await server.context.journal.transaction((transaction) =>
      transaction.touchJob(job, { launch_begun: true }),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    Object.assign(output, { text: 'late output', isEnded: false });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await server.context.journal.transaction((transaction) => transaction.changeJob(launched, { status: 'failed' }));
    output.isEnded = true;
    expect(await text).toBe('late output');
  });

  it('ends for a job that ends without a launch', async () => {
    const job = await server.addJob();
    const text = read(job.id, '?follow=true').then((answer) => answer.text());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.context.journal.transaction((transaction) => transaction.changeJob(job, { status: 'complete' }));
    expect(await text).toBe('');
  });

  it('is what the row keeps, once the resource has forgotten', async () => {
    const kept = {
      last_log_lines: ['first', 'last'],
      is_remembered: false,
      status: 'failed',
      launch_begun: true,
    } as const;
    const job = await server.addJob(kept);
    await expectLog(await read(job.id), 0, 'first\nlast\n');
    await expectLog(await read(job.id, '?tail_bytes=5&follow=true'), 6, 'last\n');
    await expectLog(await read(job.id, '?offset=99'), 11, '');
    await expectLog(await read((await server.addJob()).id), 0, '');
  });

  it('says what is wrong before it begins', async () => {
    const job = await server.addJob(running);
    output.isAway = true;
    const away = await read(job.id);
    expect([away.status, await away.json()]).toMatchObject([503, { error: { code: 'unavailable' } }]);
    const elsewhere = await server.addJob({ ...running, resource: 'gone' });
    expect((await read(elsewhere.id)).status).toBe(503);
    const bob = await server.addUser('bob');
    const stranger = await server.call(`/jobs/${job.id}/logs/`, { headers: { Authorization: `Token ${bob.token}` } });
    expect(stranger.status).toBe(404);
    expect((await read(job.id, '?tail_bytes=99999999')).status).toBe(400);
  });

  it('stops reading when the reader goes away', async () => {
    const job = await server.addJob(running);
    let isReading = false;
    const entry = server.context.resources.get('fake');
    if (!entry) throw new Error('No resource.');
    entry.resource.logs = async function* (launch, range, signal) {
      if (range.follow) isReading = true;
      try {
        yield* logs(launch, range, signal);
      } finally {
        if (range.follow) isReading = false;
      }
    };
    output.text = 'x';
    const controller = new AbortController();
    const answer = await server.call(`/jobs/${job.id}/logs/?follow=true`, { signal: controller.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    expect(isReading).toBe(true);
    controller.abort();
    await until(() => !isReading);
  });
});
