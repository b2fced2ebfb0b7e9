import { mkdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import type { JobType, Resource } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterEach, describe, expect, it } from 'vitest';
import { postgres } from '../../../database-sql/test/support/servers.js';
import type { ParameterEntry, QuotaDefaults } from '../../src/options.js';
import { noOrigin } from '../../src/records/audit.js';
import { acceptShare, deleteShare } from '../../src/services/shares.js';
import { type Fixture, openFilesBelow, startFixture, until } from '../files/fixture.js';

// Of job type and resource only what a start asks of them before anything runs; no reconciler is at work here.
const jobType = { recipe: () => ({ kind: 'script', script: '' }) } as unknown as JobType;
const resource = { name: 'farm', capabilities: {} } as unknown as Resource;
const parameter = (name: string, max: number): ParameterEntry => ({
  display_name: name,
  description: '',
  variable_name: name,
  default_value: 1,
  validation: { type: 'int', min: 1, max },
});

let fixture: Fixture;
afterEach(() => fixture.close());

async function start(quotas: QuotaDefaults, database?: Fixture['database']): Promise<void> {
  fixture = await startFixture({
    resource,
    quotas,
    jobTypes: new Map([['test', { name: 'Test', resources: new Map([['farm', jobType]]) }]]),
    parameters: [parameter('num_cpus', 16), parameter('time_limit_minutes', 720)],
    ...(database && { database }),
  });
}

async function call(path: string, method: string, body?: unknown): Promise<{ status: number; answer: Answer }> {
  const response = await fixture.call(path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const answer: Answer = await response.json();
  return { status: response.status, answer };
}

interface Answer {
  readonly message: string;
  readonly error?: { readonly code: string; readonly details?: unknown };
  // The shapes are checked by the fixture's application against the specification.
  // biome-ignore lint/suspicious/noExplicitAny: a test reads into many answers
  readonly data: any;
}

const startJob = (options: object = {}, workspaceId = fixture.workspace.id) =>
  call(`/workspaces/${workspaceId}/start/`, 'PUT', { job_type: 'test', resource_options: options });

const used = async () => (await call('/me/', 'GET')).answer.data.user.quotas;

async function endJob(jobId: number, coreHours: number): Promise<void> {
  await fixture.context.journal.transaction(async (transaction) => {
    const row = await transaction.rows.lock('jobs', jobId);
    if (row) await transaction.changeJob(row, { status: 'complete', core_hours: coreHours });
  });
}

/** What a survey does. */
async function survey(workspaceId: number, bytes: number): Promise<void> {
  await fixture.context.journal.transaction(async (transaction) => {
    const row = await transaction.rows.lock('workspaces', workspaceId);
    if (row) await transaction.changeWorkspace(row, { disk_space_bytes: bytes });
  });
}

describe('without quotas', () => {
  it('nothing is refused, and use is told all the same', async () => {
    await start({});
    expect((await startJob({ num_cpus: 4, time_limit_minutes: 30 })).status).toBe(200);
    await survey(fixture.workspace.id, 12_345);
    expect(await used()).toEqual({
      disk_space: { limit: null, used: 12_345 },
      core_hours: { limit: null, used: 2 },
      active_jobs: { limit: null, used: 1 },
      workspaces: { limit: null, used: 1 },
    });
  });
});

describe('active jobs', () => {
  it('are counted until they end', async () => {
    await start({ activeJobs: 2 });
    const first = await startJob();
    await startJob();
    const refused = await startJob();
    expect(refused).toMatchObject({
      status: 429,
      answer: {
        message: 'The quota is 2 jobs at once. Stop one, or ask the operator for more: 2 used, 1 more asked for.',
        error: { code: 'quota_exceeded', details: { scope: 'active_jobs', limit: 2, used: 2, requested: 1 } },
      },
    });
    expect(await fixture.database.count('jobs', {})).toBe(2);
    await endJob(first.answer.data.job.id, 0);
    expect((await startJob()).status).toBe(200);
  });

  it('a user has their own limit, or none, whatever the default is', async () => {
    await start({ activeJobs: 0 });
    const { database, user } = fixture;
    const own = (max_active_jobs: number | null) =>
      database.transaction((rows) => rows.update('users', { id: user.id }, { max_active_jobs }));
    expect((await startJob()).status).toBe(429);
    await own(1);
    expect((await startJob()).status).toBe(200);
    expect((await startJob()).status).toBe(429);
    await own(-1);
    expect((await startJob()).status).toBe(200);
    expect((await used()).active_jobs).toEqual({ limit: null, used: 2 });
    await own(null);
    expect((await startJob()).status).toBe(429);
  });

  it('a repeated request with its Idempotency-Key is answered, not counted again', async () => {
    await start({ activeJobs: 1 });
    const again = () =>
      fixture.call(`/workspaces/${fixture.workspace.id}/start/`, {
        method: 'PUT',
        headers: { 'Idempotency-Key': 'k' },
        body: JSON.stringify({ job_type: 'test' }),
      });
    expect((await again()).status).toBe(200);
    expect((await again()).status).toBe(200);
    expect(await fixture.database.count('jobs', {})).toBe(1);
  });
});

describe.each([
  ['SQLite', ''],
  ['PostgreSQL', postgres.missing],
])('fifty starts at once on %s', (name, missing) => {
  it.skipIf(missing !== '' && process.env.CI !== 'true')(
    `never go over a limit ${missing && `(not run: ${missing})`}`,
    async () => {
      expect(missing).toBe('');
      const server = name === 'PostgreSQL' ? await postgres.create() : undefined;
      try {
        await server?.start();
        await start({ activeJobs: 7, coreHours: 6 }, server && createSqlDatabase(server.options));
        // In different workspaces, so that nothing but the user's row keeps them apart.
        const { id: _, version: __, ...template } = fixture.workspace;
        const workspaces = await fixture.context.journal.transaction(async (transaction) => {
          const made: number[] = [];
          for (let count = 0; count < 10; count++) made.push((await transaction.insertWorkspace(template)).id);
          return made;
        });
        const options = { num_cpus: 2, time_limit_minutes: 30 };
        const starts = Array.from({ length: 50 }, (_start, index) => startJob(options, workspaces[index % 10]));
        const answers = await Promise.all(starts);
        // Each may use one core hour: the sixth is the last that fits.
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(6);
        const refusals = answers.filter(({ status }) => status !== 200).map(({ answer }) => answer.error);
        expect(new Set(refusals.map((error) => JSON.stringify(error)))).toEqual(
          new Set([
            JSON.stringify({
              code: 'quota_exceeded',
              details: { scope: 'core_hours', limit: 6, used: 6, requested: 1 },
            }),
          ]),
        );
        expect(await fixture.database.count('jobs', {})).toBe(6);
      } finally {
        await fixture.database.close();
        await server?.remove();
      }
    },
    60_000,
  );
});

describe('core hours', () => {
  it('count what ended jobs used and what others may use', async () => {
    await start({ coreHours: 10 });
    const first = await startJob({ num_cpus: 4, time_limit_minutes: 120 });
    expect((await used()).core_hours).toEqual({ limit: 10, used: 8 });
    const refused = await startJob({ num_cpus: 2, time_limit_minutes: 120 });
    expect(refused.answer.error?.details).toEqual({ scope: 'core_hours', limit: 10, used: 8, requested: 4 });
    await endJob(first.answer.data.job.id, 0.5);
    expect((await used()).core_hours).toEqual({ limit: 10, used: 0.5 });
    expect((await startJob({ num_cpus: 2, time_limit_minutes: 120 })).status).toBe(200);
    expect((await startJob({ num_cpus: 5, time_limit_minutes: 66 })).status).toBe(200);
    expect((await startJob({ num_cpus: 1, time_limit_minutes: 1 })).status).toBe(429);
  });
});

describe('workspaces', () => {
  const create = (files: object[] = []) =>
    call('/workspaces/', 'POST', { name: 'n', description: 'd', workspace_details: { files } });

  it('are counted until they are being deleted', async () => {
    await start({ workspaces: 2 });
    const made = await create();
    expect(made.status).toBe(200);
    const refused = await create();
    expect(refused.answer.error?.details).toEqual({ scope: 'workspaces', limit: 2, used: 2, requested: 1 });
    const id: number = made.answer.data.workspace.id;
    expect((await call(`/workspaces/${id}/`, 'DELETE')).status).toBe(200);
    expect((await create()).status).toBe(200);
  });

  it('thirty creations at once stay within the limit', async () => {
    await start({ workspaces: 5 });
    const answers = await Promise.all(Array.from({ length: 30 }, () => create()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(await fixture.database.count('workspaces', {})).toBe(5);
  });

  it('that were shared count once they are accepted', async () => {
    await start({ workspaces: 1 });
    const { user, token } = await fixture.addUser('bob');
    const offer = { original_workspace_id: fixture.workspace.id, shared_user_ids: [user.id] };
    const statuses: number[] = [];
    for (let index = 0; index < 2; index += 1) {
      const { answer } = await call('/shared_workspaces/', 'POST', offer);
      const id: number = answer.data.shared_workspaces[0].shared_workspace_id.id;
      const init = { method: 'PUT', headers: { Authorization: `Token ${token}` } };
      statuses.push((await fixture.call(`/shared_workspaces/${id}/accept/`, init)).status);
    }
    expect(statuses).toEqual([200, 429]);
  });

  it('with more contents than there is room for are not made', async () => {
    await start({ diskSpaceBytes: 10 });
    const refused = await create([
      { name: 'a', content: '12345678' },
      { name: 'b', content: 'äöü' },
    ]);
    expect(refused.answer.error?.details).toEqual({ scope: 'disk_space', limit: 10, used: 0, requested: 14 });
    expect(await fixture.database.count('workspaces', {})).toBe(1);
    expect((await create([{ name: 'a', content: '1234567890' }])).status).toBe(200);
  });
});

describe('disk space', () => {
  const write = (path: string, body: BodyInit, streamed = false) =>
    fixture.call(`/workspaces/${fixture.workspace.id}/files/content/?path=${path}`, {
      method: 'PUT',
      body,
      ...(streamed && { duplex: 'half' }),
    } as RequestInit);
  const details = async (response: Response) => (await response.json()).error?.details;

  it('refuses a file by its announced size, before any of it is stored', async () => {
    await start({ diskSpaceBytes: 1_000 });
    await survey(fixture.workspace.id, 900);
    const refused = await write('new', 'x'.repeat(101));
    expect(refused.status).toBe(429);
    expect(await details(refused)).toEqual({ scope: 'disk_space', limit: 1_000, used: 900, requested: 101 });
    expect((await fixture.call(`/workspaces/${fixture.workspace.id}/files/content/?path=new`)).status).toBe(404);
    expect((await write('new', 'x'.repeat(100))).status).toBe(200);
  });

  it('lets a file be replaced by one that is no larger, however full it is', async () => {
    await start({ diskSpaceBytes: 1_000 });
    await mkdir(fixture.directory, { recursive: true });
    await writeFile(join(fixture.directory, 'there'), 'x'.repeat(500));
    // A survey of the server's own may come at any time.
    await writeFile(join(fixture.directory, 'other'), 'x'.repeat(1_500));
    await survey(fixture.workspace.id, 2_000);
    expect((await write('there', 'y'.repeat(500))).status).toBe(200);
    expect((await write('there', 'y'.repeat(501))).status).toBe(429);
  });

  it('cuts off a body of unknown size where it no longer fits, and keeps nothing of it', async () => {
    await start({ diskSpaceBytes: 100_000 });
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        if (sent > 50) controller.close();
        else controller.enqueue(new Uint8Array(10_000));
      },
    });
    const refused = await write('endless', body, true);
    expect(refused.status).toBe(429);
    expect((await details(refused)).requested).toBeGreaterThan(100_000);
    expect((await fixture.call(`/workspaces/${fixture.workspace.id}/files/content/?path=endless`)).status).toBe(404);
  });

  it('counts uploads in chunks by their declared size, forms by what arrives, updates by their contents', async () => {
    await start({ diskSpaceBytes: 1_000 });
    const { id } = fixture.workspace;
    const upload = (size_bytes: number) => call(`/workspaces/${id}/uploads/`, 'POST', { path: 'big', size_bytes });
    expect((await upload(1_001)).answer.error?.details).toMatchObject({ scope: 'disk_space', requested: 1_001 });
    expect((await upload(1_000)).status).toBe(200);

    // What it has declared is no longer free for a further one, at the same time neither, until it is given up.
    expect((await upload(1)).answer.error?.details).toEqual({
      scope: 'disk_space',
      limit: 1_000,
      used: 0,
      requested: 1_001,
    });
    const big = await fixture.database.findOne('uploads', { path: 'big' });
    expect((await call(`/workspaces/${id}/uploads/${big?.upload_id}/`, 'DELETE')).status).toBe(200);
    const atOnce = await Promise.all([400, 400, 400, 400].map(upload));
    expect(atOnce.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429]);
    for (const { upload_id } of await fixture.database.find('uploads', {}))
      expect((await call(`/workspaces/${id}/uploads/${upload_id}/`, 'DELETE')).status).toBe(200);

    const form = (...sizes: number[]) => {
      const data = new FormData();
      for (const [index, size] of sizes.entries()) data.append(`f${index}`, new Blob(['x'.repeat(size)]), `f${index}`);
      return fixture.call(`/workspaces/${id}/upload/`, { method: 'PUT', body: data });
    };
    expect((await form(600, 401)).status).toBe(429);
    expect((await form(600, 400)).status).toBe(200);
    expect(await fixture.database.count('uploads', { path: { not: 'big' } })).toBe(0);

    const update = (content: string) =>
      call(`/workspaces/${id}/`, 'PUT', { workspace_details: { files: [{ name: 'u', content }] } });
    // What has come is counted at once, before any survey.
    expect((await update('x')).status).toBe(429);
    await fixture.database.transaction((rows) =>
      rows.update('users', { id: fixture.user.id }, { max_disk_space_bytes: 2_000 }),
    );
    expect((await update('x'.repeat(1_001))).status).toBe(429);
    expect((await update('x'.repeat(900))).status).toBe(200);
  });

  it.each([
    'announced',
    'streamed',
    'form',
    'update',
    'creation',
    'upload',
  ] as const)('is not passed by twenty requests at once, nor by one after the other (%s)', async (way) => {
    // No survey helps: the fixture's storage is not watched before the first of them is done.
    await start({ diskSpaceBytes: 100_000 });
    const { id } = fixture.workspace;
    const content = 'x'.repeat(30_000);
    const send = async (index: number): Promise<number> => {
      const name = `f${index}`;
      switch (way) {
        case 'announced':
          return (await write(name, content)).status;
        case 'streamed':
          return (await write(name, new Blob([content]).stream(), true)).status;
        case 'form': {
          const data = new FormData();
          data.append('f', new Blob([content]), name);
          return (await fixture.call(`/workspaces/${id}/upload/`, { method: 'PUT', body: data })).status;
        }
        case 'update':
          return (await call(`/workspaces/${id}/`, 'PUT', { workspace_details: { files: [{ name, content }] } }))
            .status;
        case 'creation': {
          const body = { name, description: '', workspace_details: { files: [{ name, content }] } };
          return (await call('/workspaces/', 'POST', body)).status;
        }
        case 'upload': {
          const begun = await call(`/workspaces/${id}/uploads/`, 'POST', { path: name, size_bytes: content.length });
          if (begun.status !== 200) return begun.status;
          const chunk = `/workspaces/${id}/uploads/${begun.answer.data.upload.id}/?offset=0`;
          return (await fixture.call(chunk, { method: 'PUT', body: content })).status;
        }
      }
    };
    const atOnce = await Promise.all(Array.from({ length: 20 }, (_, index) => send(index)));
    const after = [await send(20), await send(21), await send(22)];
    const done = [...atOnce, ...after].filter((status) => status === 200);
    expect(done).toHaveLength(3);
    expect(new Set([...atOnce, ...after])).toEqual(new Set([200, 429]));
    expect(fixture.context.bytesUnderWay.of(fixture.user.id)).toBe(0);
  });

  it('gives back what was promised to a request that failed', async () => {
    await start({ diskSpaceBytes: 1_000 });
    const failed = await fixture.call(`/workspaces/${fixture.workspace.id}/files/content/?path=a`, {
      method: 'PUT',
      body: 'x'.repeat(900),
      headers: { 'If-Match': '"no-such"' },
    });
    expect(failed.status).toBe(412);
    expect((await write('b', 'x'.repeat(900))).status).toBe(200);
  });

  describe('what a replaced file gives back', () => {
    const path = (route: string) => `/workspaces/${fixture.workspace.id}/${route}`;
    /** Begins to write, and sends the rest when `finish` is called. */
    const slowly = async (name: string, sizeBytes: number, isAnnounced: boolean) => {
      const half = Math.floor(sizeBytes / 2);
      const request = httpRequest(`${fixture.url}${path('files/content/')}?path=${name}`, {
        method: 'PUT',
        headers: { Authorization: `Token ${fixture.token}`, ...(isAnnounced && { 'Content-Length': sizeBytes }) },
      });
      const status = new Promise<number>((resolve, reject) => {
        request.on('error', reject);
        request.on('response', (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
      });
      request.write('x'.repeat(half));
      // The storage stages what has come: from then on the file that is to be replaced was looked at.
      await until(async () => (await openFilesBelow(fixture.root)).some((file) => file.includes('write')));
      return {
        finish: () => {
          request.end('x'.repeat(sizeBytes - half));
          return status;
        },
      };
    };
    const rename = (from: string, to: string) => call(path('files/rename/'), 'PUT', { from, to });
    const bytesOnDisk = async () => (await fixture.storage.survey(open())).diskSpaceBytes;
    const open = () => ({
      location: fixture.directory,
      account: { name: 'alice', uid: null, gid: null },
    });
    const present = async () => Number((await used()).disk_space.used);

    it.each([
      true,
      false,
    ])('counts only if that file was replaced, not one that was renamed meanwhile (announced: %s)', async (isAnnounced) => {
      await start({ diskSpaceBytes: 1_000 });
      expect((await write('a', 'x'.repeat(800))).status).toBe(200);
      for (let round = 0; round < 3; round++) {
        const writing = await slowly('a', 800, isAnnounced);
        await rename('a', `kept${round}`);
        expect([409, 429]).toContain(await writing.finish());
        await rename(`kept${round}`, 'a');
      }
      expect(await bytesOnDisk()).toBe(800);
      expect(await present()).toBe(800);
    });

    it('leaves room for replacing a file in a quota that is nearly full, each time again', async () => {
      await start({ diskSpaceBytes: 1_000 });
      expect((await write('a', 'x'.repeat(900))).status).toBe(200);
      for (let round = 0; round < 3; round++) {
        expect((await write('a', 'y'.repeat(900))).status).toBe(200);
        expect((await write('a', new Blob(['y'.repeat(900)]).stream(), true)).status).toBe(200);
        const begun = await call(path('uploads/'), 'POST', { path: 'a', size_bytes: 900 });
        expect(begun.status).toBe(200);
        const chunk = `${path('uploads/')}${begun.answer.data.upload.id}/?offset=0`;
        expect((await fixture.call(chunk, { method: 'PUT', body: 'z'.repeat(900) })).status).toBe(200);
      }
      expect(await present()).toBe(900);
      expect((await write('b', 'x'.repeat(101))).status).toBe(429);
    });

    it('counts for an upload in chunks only if that file is replaced by it, and for one at a time', async () => {
      await start({ diskSpaceBytes: 1_000 });
      expect((await write('a', 'x'.repeat(800))).status).toBe(200);
      const begin = () => call(path('uploads/'), 'POST', { path: 'a', size_bytes: 800 });
      const begun = await begin();
      expect(begun.status).toBe(200);
      expect((await begin()).status).toBe(429);
      await rename('a', 'kept');
      const chunk = `${path('uploads/')}${begun.answer.data.upload.id}/?offset=0`;
      const refused = await fixture.call(chunk, { method: 'PUT', body: 'x'.repeat(800) });
      expect(refused.status).toBe(412);
      expect(await bytesOnDisk()).toBe(800);
    });

    it('gives nothing to who is over the limit and would add to it', async () => {
      await start({ diskSpaceBytes: 1_000 });
      await writeFile(join(fixture.directory, 'there'), 'x'.repeat(500));
      await writeFile(join(fixture.directory, 'other'), 'x'.repeat(1_500));
      await survey(fixture.workspace.id, 2_000);
      const writing = await slowly('there', 500, true);
      await rename('there', 'kept');
      expect(await writing.finish()).toBe(409);
      expect((await write('new', 'x')).status).toBe(429);
      expect((await call(path('uploads/'), 'POST', { path: 'kept', size_bytes: 501 })).status).toBe(429);
    });
  });

  it('a copy counts for its receiver once it is accepted, and must fit its sender before', async () => {
    await start({ diskSpaceBytes: 1_000, workspaces: 1 });
    await survey(fixture.workspace.id, 600);
    const { user: bob } = await fixture.addUser('bob');
    const { user: eve } = await fixture.addUser('eve');
    const share = (...ids: number[]) =>
      call('/shared_workspaces/', 'POST', { original_workspace_id: fixture.workspace.id, shared_user_ids: ids });
    const refused = await share(bob.id, eve.id);
    expect(refused.answer.error?.details).toEqual({ scope: 'disk_space', limit: 1_000, used: 600, requested: 1_200 });
    await survey(fixture.workspace.id, 400);
    expect((await share(bob.id)).status).toBe(200);
    // 400 wait already.
    expect((await share(eve.id)).answer.error?.details).toMatchObject({ used: 400, requested: 800 });

    const [copy] = await fixture.database.find('workspaces', { where: { user_id: bob.id } });
    const callerOf = (user: typeof bob) => ({ user, tokenId: 0, origin: noOrigin });
    const accept = () => acceptShare(fixture.context, callerOf(bob), copy?.id ?? 0);
    const own = (max_disk_space_bytes: number) =>
      fixture.database.transaction((rows) => rows.update('users', { id: bob.id }, { max_disk_space_bytes }));
    await own(399);
    await expect(accept()).rejects.toMatchObject({ details: { scope: 'disk_space', limit: 399, requested: 400 } });
    await own(400);
    await accept();
    await survey(copy?.id ?? 0, 390);
    expect(await fixture.database.findOne('users', { id: bob.id })).toMatchObject({ used_disk_space_bytes: 390 });
    await expect(deleteShare(fixture.context, callerOf(bob), copy?.id ?? 0)).rejects.toMatchObject({
      code: 'share_accepted',
    });
    expect((await share(eve.id)).status).toBe(200);
  });
});

describe('what is kept of use', () => {
  it('equals the sum over the rows, whatever happens to them', async () => {
    await start({});
    const { database, context } = fixture;
    const { user: bob } = await fixture.addUser('bob');
    let seed = 20_260_101;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let step = 0; step < 150; step++) {
      const rows = await database.find('workspaces', {});
      const row = rows[random(rows.length)];
      const kind = rows.length === 0 ? 0 : random(4);
      await context.journal.transaction(async (transaction) => {
        const present = row && (await transaction.rows.lock('workspaces', row.id));
        if (!present || kind === 0) {
          const { id: _, version: __, ...template } = fixture.workspace;
          await transaction.insertWorkspace({
            ...template,
            user_id: random(2) === 0 ? fixture.user.id : bob.id,
            is_listed: random(2) === 0,
            disk_space_bytes: random(1_000),
          });
        } else if (kind === 1) await transaction.changeWorkspace(present, { disk_space_bytes: random(1_000) });
        else if (kind === 2) await transaction.changeWorkspace(present, { is_listed: random(2) === 0 });
        // The row as somebody read it a while ago.
        else if (random(4) === 0) await transaction.removeWorkspace({ ...present, disk_space_bytes: random(1_000) });
      });
    }
    for (const { id } of [fixture.user, bob]) {
      const own = await database.find('workspaces', { where: { user_id: id, is_listed: true } });
      const sum = own.reduce((bytes, { disk_space_bytes }) => bytes + disk_space_bytes, 0);
      expect((await database.findOne('users', { id }))?.used_disk_space_bytes).toBe(sum);
    }
  });
});
