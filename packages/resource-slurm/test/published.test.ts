import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rest } from '../src/rest/transport.js';
import { type PublishedRest, startPublishedRest } from './published-rest.js';

// The versions of slurmrestd that cannot be had here, by their published schemas.

const some = (number: number) => ({ set: true, infinite: false, number });
const none = { set: false, infinite: false, number: 0 };
const account = { name: 'alice', uid: 1, gid: 1 };
const reference = { id: 4711, name: 'uws-a', account };
const wanted = async () => [reference];

const versions = (await readdir(new URL('published', import.meta.url))).map((name) => name.replace('.json', ''));

let directory: string;
let keyFile: string;
let published: PublishedRest;
const open = async (version: string, shown?: string) => {
  published = await startPublishedRest(version, shown);
  return new Rest({ url: published.url, keyFile }, { history: async () => null, listedAfterEndMs: async () => null });
};

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/uws-published-`);
  keyFile = `${directory}/jwt.key`;
  await writeFile(keyFile, 'key');
});
afterEach(async () => {
  await published.close();
  await rm(directory, { recursive: true });
});

describe.each(versions)('%s', (version) => {
  const job = (more: object) => ({
    job_id: 4711,
    name: 'uws-a',
    job_state: ['RUNNING'],
    state_reason: 'None',
    submit_time: some(100),
    start_time: some(110),
    end_time: some(170),
    cpus: some(2),
    exit_code: { status: ['PENDING'], return_code: none, signal: { id: none, name: '' } },
    batch_host: 'n1',
    ...more,
  });

  test('is negotiated, and answers a ping', async () => {
    const rest = await open(version);
    expect(await rest.ping()).toMatchObject({ connected: true });
    expect(published.asked.at(-1)).toEqual(['GET', `/slurm/${version}/ping/`]);
  });

  test('takes submissions, held and never to be put back into the queue', async () => {
    const rest = await open(version);
    const options = new Map<string, string | true>([
      ['nodes', '1'],
      ['ntasks', '1'],
      ['cpus-per-task', '2'],
      ['mem', '1500M'],
      ['time', '90'],
      ['gres', 'gpu:1'],
      ['partition', 'gpu'],
      ['constraint', 'fast'],
      ['qos', 'normal'],
      ['exclusive', true],
    ]);
    expect(await rest.submit({ name: 'uws-a', account, script: '#!/bin/sh\n', options })).toBe(4711);
    expect(published.asked.at(-1)).toEqual([
      'POST',
      `/slurm/${version}/job/submit`,
      {
        script: '#!/bin/sh\n',
        job: {
          name: 'uws-a',
          hold: true,
          requeue: false,
          environment: ['PATH=/usr/local/bin:/usr/bin:/bin'],
          current_working_directory: '/',
          standard_output: '/dev/null',
          nodes: '1',
          tasks: 1,
          cpus_per_task: 2,
          memory_per_node: some(1500),
          time_limit: some(90),
          tres_per_node: 'gres/gpu:1',
          partition: 'gpu',
          constraints: 'fast',
          qos: 'normal',
          shared: ['none'],
        },
      },
    ]);
    const bogus = new Map([['bogus', 'x']]);
    await expect(rest.submit({ name: 'uws-a', account, script: '', options: bogus })).rejects.toMatchObject({
      kind: 'invalid',
    });
  });

  test.each([
    ['2G', 2048],
    ['1T', 1048576],
    ['1500K', 2],
    ['300', 300],
  ])('takes %s of memory', async (mem, megabytes) => {
    const rest = await open(version);
    await rest.submit({ name: 'uws-a', account, script: '', options: new Map([['mem', mem]]) });
    expect(published.asked.at(-1)?.[2]).toMatchObject({ job: { memory_per_node: some(megabytes) } });
  });

  test('tells of jobs', async () => {
    const rest = await open(version);
    const held = 'cpu=2,mem=1G,node=1,billing=2';
    const exited = { status: ['ERROR'], return_code: some(3), signal: { id: none, name: '' } };
    const killed = { status: ['SIGNALED'], return_code: none, signal: { id: some(9), name: 'Killed' } };
    published.jobs = [
      job({}),
      job({
        job_id: 1,
        job_state: ['PENDING'],
        state_reason: 'Resources',
        start_time: none,
        end_time: none,
        batch_host: '',
      }),
      job({
        job_id: 2,
        job_state: ['FAILED'],
        state_reason: 'NonZeroExitCode',
        exit_code: exited,
        tres_alloc_str: held,
      }),
      job({ job_id: 3, job_state: ['CANCELLED', 'COMPLETING'], exit_code: killed }),
      job({ job_id: 4, job_state: ['RUNNING', 'CONFIGURING'] }),
      job({
        job_id: 5,
        job_state: ['NODE_FAIL', 'LAUNCH_FAILED'],
        exit_code: killed,
        tres_alloc_str: `${held},gres/gpu=2`,
      }),
      job({ job_id: 6, name: 'of somebody else' }),
    ];
    const times = { submittedAtMs: 100_000, startedAtMs: 110_000, endedAtMs: 170_000, cpus: 2, gpus: null, node: 'n1' };
    const known = { name: 'uws-a', reason: 'None', ...times };
    expect(await rest.list(wanted)).toEqual([
      { ...known, id: 4711, state: 'RUNNING', waitStatus: 0 },
      {
        ...known,
        id: 1,
        state: 'PENDING',
        reason: 'Resources',
        startedAtMs: null,
        endedAtMs: null,
        node: null,
        waitStatus: 0,
      },
      { ...known, id: 2, state: 'FAILED', reason: 'NonZeroExitCode', waitStatus: 768 },
      { ...known, id: 3, state: 'COMPLETING', waitStatus: 9 },
      { ...known, id: 4, state: 'CONFIGURING', waitStatus: 0 },
      { ...known, id: 5, state: 'NODE_FAIL', waitStatus: 9, gpus: 2 },
    ]);
    expect(await rest.addresses()).toEqual(new Map([['n1', '10.0.0.1']]));
  });

  test('asks for a few among many alone', async () => {
    const rest = await open(version);
    const others = Array.from({ length: 19 }, (_, index) => job({ job_id: index + 1, name: 'of somebody else' }));
    const look = () => rest.list(wanted, undefined, [reference.name]);
    const askedFor = () => published.asked.at(-1)?.[1].replace(`/slurm/${version}`, '');
    published.jobs = [job({}), ...others];
    const listed = await look();
    expect(askedFor()).toBe('/jobs/');
    expect(await look()).toEqual(listed);
    expect(askedFor()).toBe('/job/4711');
    published.jobs = others;
    expect(await look()).toEqual([]);
    expect(askedFor()).toBe('/job/4711');
    published.failure = [500, JSON.stringify({ jobs: [], errors: [] })];
    await expect(look()).rejects.toMatchObject({ kind: 'unavailable' });
    published.failure = [200, JSON.stringify({ jobs: [] })];
    await expect(look()).rejects.toMatchObject({ kind: 'unavailable' });
    // Of nineteen it is no longer worth it.
    await rest.list(wanted);
    await look();
    expect(askedFor()).toBe('/jobs/');
  });

  test('changes jobs, and takes no harm from those that are gone', async () => {
    const rest = await open(version);
    published.jobs = [job({ job_state: ['PENDING'] })];
    const path = `/slurm/${version}/job/4711`;
    await rest.release(reference);
    expect(published.asked.at(-1)).toEqual(['POST', path, { hold: false }]);
    await rest.setTimeLimit(reference, 12.5);
    expect(published.asked.at(-1)).toEqual(['POST', path, { time_limit: some(13) }]);
    await rest.signal(reference, 'TERM');
    expect(published.asked.at(-1)).toEqual(['DELETE', `${path}?signal=TERM`]);
    await rest.withdraw(reference);
    expect(published.asked.at(-1)).toEqual(['DELETE', `${path}?signal=KILL`]);
    published.jobs = [job({})];
    await rest.withdraw(reference);
    expect(published.asked.at(-1)).toEqual(['GET', path]);
    published.jobs = [];
    await rest.release(reference);
    await rest.signal(reference, 'KILL');
    await rest.withdraw(reference);
    await expect(rest.setTimeLimit(reference, 5)).rejects.toMatchObject({ kind: 'not_found' });
  });

  test('an answer that is not the scheduler’s says nothing', async () => {
    const rest = await open(version);
    await rest.ping();
    const away = { description: 'x', error_number: 1800, error: 'Unable to contact slurm controller', source: 'test' };
    for (const failure of [
      [500, JSON.stringify({ jobs: [], errors: [away] })],
      [500, JSON.stringify({ jobs: [], errors: [] })],
      [401, 'Authentication failure'],
      [502, '<html></html>'],
      [200, 'no JSON'],
      [200, '{}'],
    ] as const) {
      published.failure = failure;
      await expect(rest.list(wanted), failure.join(' ')).rejects.toMatchObject({ kind: 'unavailable' });
    }
    expect(await rest.list(wanted)).toEqual([]);
  });
});

test('a version without evidence is refused by name', async () => {
  const rest = await open('v0.0.45', 'v0.0.99');
  await expect(rest.list(wanted)).rejects.toMatchObject({
    kind: 'misconfigured',
    message: expect.stringMatching(/ speaks v0\.0\.99, which this resource was not tried with; it knows v0\.0\.45, /),
  });
  await expect(rest.ping()).rejects.toMatchObject({ kind: 'misconfigured' });
});
