// Faults of the old service that are absent: those of reliability (api.md, "Where the old service is wrong, and the new one must not follow").
// Each group is named after the fault, in the words of that page.
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Job, Workspace } from '@user-workspaces/client';
import type { Database } from '@user-workspaces/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTestConfiguration } from '../support/configuration.js';
import { openDatabase } from '../support/database.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';

const isRoot = process.getuid?.() === 0;
const patience = { timeoutMs: 20_000 };

let root: string;
let env: Record<string, string>;
let server: RunningServer;
let database: Database;
let ada: User;
let ben: User;
let benId: number;

beforeAll(async () => {
  root = await temporaryDirectory();
  env = { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1', UWS_ALLOWED_LINK_ROOTS: root };
  server = await startServer({ dataDirectory: join(root, 'data'), env });
  database = openDatabase(server.dataDirectory);
  ada = await signIn(server, 'ada');
  ben = await signIn(server, 'ben');
  benId = (await ben.client.me()).id;
});

afterAll(async () => {
  await database.close();
  expect(await putAway(server, [ada, ben])).toEqual([]);
});

/** The same data, port and users with a new process. */
async function restart(): Promise<void> {
  server = await startServer({ dataDirectory: server.dataDirectory, port: server.port, env });
}

function shell(script: string, user: User = ada): Promise<{ workspace: Workspace; job: Job }> {
  return startJob(user, { job_type: 'web_app', job_details: { command: ['/bin/sh', '-c', script] } });
}

async function runs(job: Job, user: User = ada): Promise<void> {
  await expect.poll(async () => (await user.client.jobs.get(job.id)).status, { timeout: 10_000 }).toBe('running');
}

async function isGone(workspace: Pick<Workspace, 'id'>): Promise<void> {
  await expect.poll(() => database.count('workspaces', { id: workspace.id }), { timeout: 20_000 }).toBe(0);
}

/** Directories of workspaces, whosoever they are. */
async function directories(): Promise<string[]> {
  const workspaces = join(server.dataDirectory, 'workspaces');
  const accounts = (await readdir(workspaces)).filter((name) => !name.startsWith('.'));
  return (
    await Promise.all(
      accounts.map(async (name) => (await readdir(join(workspaces, name))).map((id) => join(workspaces, name, id))),
    )
  )
    .flat()
    .sort();
}

describe('"A share copied before its row is complete sticks in `initializing` and scans the whole root"', () => {
  test('copies asked for at once, of a workspace that was made this moment, all become idle and hold its files alone', async () => {
    const others = await Promise.all(Array.from({ length: 5 }, (_, index) => signIn(server, `receiver-${index}`)));
    const ids = await Promise.all(others.map(async ({ client }) => (await client.me()).id));
    const original = await ada.client.workspaces.create({
      name: 'many copies',
      description: '',
      workspace_details: {
        files: [
          { name: 'a.txt', content: 'a' },
          { name: 'b/c.txt', content: 'c' },
        ],
      },
    });
    const made = await Promise.all(
      Array.from({ length: 4 }, () =>
        ada.client.shares.create({ original_workspace_id: original.id, shared_user_ids: ids }),
      ),
    );
    const copies = made.flat().map((share) => share.shared_workspace_id.id);
    expect(new Set(copies).size).toBe(20);
    await expect
      .poll(() => database.count('workspaces', { id: { in: copies }, status: 'idle' }), { timeout: 20_000 })
      .toBe(20);
    for (const { location, current_details } of await database.find('workspaces', { where: { id: { in: copies } } })) {
      expect(current_details.files).toEqual(['/a.txt', '/b/c.txt']);
      expect((await readdir(location, { recursive: true })).sort()).toEqual(['a.txt', 'b', 'b/c.txt']);
    }
    for (const copy of copies) await ada.client.shares.delete(copy);
    await expect.poll(() => database.count('workspaces', { id: { in: copies } }), { timeout: 20_000 }).toBe(0);
  });
});

describe('"a first POST races with account creation (11 of 30 failed)"', () => {
  test('thirty new users, all at once, make their first workspaces, twice each', { timeout: 180_000 }, async () => {
    const users = await Promise.all(Array.from({ length: 30 }, (_, index) => signIn(server, `new-${index}`)));
    const answers = await Promise.all(
      users.flatMap((user) =>
        ['one', 'two'].map((name) =>
          user.request('/workspaces/', {
            method: 'POST',
            body: JSON.stringify({
              name,
              description: '',
              workspace_details: { files: [{ name: 'a', content: name }] },
            }),
          }),
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const rows = await database.find('workspaces', { where: { name: { in: ['one', 'two'] } } });
    expect(rows).toHaveLength(60);
    const uids = new Set(await Promise.all(rows.map(async ({ location }) => (await stat(location)).uid)));
    expect(uids.size).toBe(isRoot ? 30 : 1);
    if (isRoot) expect(uids.has(0)).toBe(false);
    for (const row of rows) expect(await readFile(join(row.location, 'a'), 'utf8')).toBe(row.name);
  });

  test('one new user, thirty times at once', async () => {
    const signedIn = await Promise.all(Array.from({ length: 30 }, () => signIn(server, 'eager')));
    const made = await Promise.all(
      signedIn.map(({ client }, index) => client.workspaces.create({ name: `eager ${index}`, description: '' })),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(30);
    expect(await database.count('users', { username: 'eager' })).toBe(1);
  });
});

describe('"a worker restart purges its queues (jobs stuck in stopping, workspaces in deleting)"', () => {
  test.each([
    'SIGTERM',
    'SIGKILL',
  ] as const)('what was asked for before %s is done after the next start', async (signal) => {
    const deaf = 'trap "" TERM; while :; do sleep 0.2; done';
    const [stopped, deleted] = [await shell(deaf), await shell(deaf)];
    const shared = await ada.client.workspaces.create({
      name: 'shared',
      description: '',
      workspace_details: { files: [{ name: 'a', content: 'a' }] },
    });
    await Promise.all([runs(stopped.job), runs(deleted.job)]);
    const [, , [share]] = await Promise.all([
      ada.client.jobs.stop(stopped.job.id),
      ada.client.workspaces.delete(deleted.workspace.id, { force: true }),
      ada.client.shares.create({ original_workspace_id: shared.id, shared_user_ids: [benId] }),
    ]);
    await server.stop(signal);
    const [atRest] = await database.find('jobs', { where: { id: stopped.job.id } });
    expect(atRest?.status).toBe('stopping');
    await restart();
    expect(await ada.client.jobs.waitUntilEnded(stopped.job.id, patience)).toMatchObject({
      status: 'complete',
      status_reason: 'stopped',
    });
    await isGone(deleted.workspace);
    const copy = share?.shared_workspace_id.id ?? 0;
    await expect
      .poll(async () => (await database.findOne('workspaces', { id: copy }))?.status, { timeout: 20_000 })
      .toBe('idle');
    expect((await ada.client.workspaces.get(stopped.workspace.id)).status).toBe('idle');
    await ada.client.shares.delete(copy);
  });
});

describe('"a second DELETE brings a deleted row back as `error`"', () => {
  test('deleted twice at once, while it is going, and when it is gone', async () => {
    const files = Array.from({ length: 50 }, (_, index) => ({ name: `d/${index}`, content: 'x' }));
    const workspace = await ada.client.workspaces.create({
      name: 'twice',
      description: '',
      workspace_details: { files },
    });
    const path = `/workspaces/${workspace.id}/`;
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await ada.request(path, { method: 'DELETE' })).status),
    );
    for (const status of statuses) expect([200, 404]).toContain(status);
    expect(statuses).toContain(200);
    await isGone(workspace);
    expect((await ada.request(path, { method: 'DELETE' })).status).toBe(404);
    await delay(500);
    const { items } = await ada.client.workspaces.list();
    expect(items.filter(({ id, status }) => id === workspace.id || status === 'error')).toEqual([]);
  });
});

describe('"a failed start leaves a pending job with id -1 that blocks deletion"', () => {
  test.each([
    ['a program that is not there', ['no-such-program']],
    ['a program that nobody may run', ['/etc/passwd']],
  ])('%s: the job has failed, says why, and the workspace goes', async (_, command) => {
    const { workspace, job } = await startJob(ada, { job_type: 'web_app', job_details: { command } });
    const ended = await ada.client.jobs.waitUntilEnded(job.id, patience);
    expect(ended).toMatchObject({ status: 'failed', status_message: expect.stringMatching(/\S/) });
    expect(ended.job_details.current_job_details.message).toContain(
      'This job has failed. Support team has been notified',
    );
    await ada.client.workspaces.delete(workspace.id);
    await isGone(workspace);
  });

  test('a start that is refused leaves no job', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'refused', description: '' });
    for (const body of [{ job_type: 'nope' }, { job_type: 'terminal', resource_options: { num_cpus: 0 } }, {}]) {
      const response = await ada.request(`/workspaces/${workspace.id}/start/`, {
        method: 'PUT',
        body: JSON.stringify(body),
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
    expect(await database.count('jobs', { workspace_id: workspace.id })).toBe(0);
    expect((await ada.client.workspaces.get(workspace.id)).status).toBe('idle');
    await ada.client.workspaces.delete(workspace.id);
    await isGone(workspace);
  });

  test('a job that is stopped before it was launched blocks nothing', async () => {
    const { workspace, job } = await shell('sleep 100');
    await ada.client.jobs.stop(job.id);
    await ada.client.workspaces.delete(workspace.id, { force: true });
    await isGone(workspace);
    expect((await ada.client.jobs.get(job.id)).status).toBe('complete');
  });
});

describe('"failed creates leave directories behind"', () => {
  test.each([
    [
      'a link to nowhere',
      { files: [{ name: 'a', content: 'a' }], symlinks: [{ name: 'l', source_path: '/not/there' }] },
    ],
    [
      'a file below a file',
      {
        files: [
          { name: 'a', content: 'a' },
          { name: 'a/b', content: 'b' },
        ],
      },
    ],
    [
      'a link where a file is',
      { files: [{ name: 'a', content: 'a' }], symlinks: [{ name: 'a/b', source_path: '/tmp' }] },
    ],
    [
      'a name that cannot be',
      {
        files: [
          { name: 'a', content: 'a' },
          { name: '../b', content: 'b' },
        ],
      },
    ],
  ])('%s', async (name, workspace_details) => {
    const before = await directories();
    const body = JSON.stringify({ name, description: '', workspace_details });
    const response = await ada.request('/workspaces/', { method: 'POST', body });
    expect([400, 409]).toContain(response.status);
    expect(await directories()).toEqual(before);
    expect(await database.count('workspaces', { name })).toBe(0);
  });

  test('a sender who breaks off', async () => {
    const before = await directories();
    const aborting = new AbortController();
    const content = 'x'.repeat(20_000_000);
    const body = JSON.stringify({
      name: 'broken off',
      description: '',
      workspace_details: { files: [{ name: 'a', content }] },
    });
    const sent = ada.request('/workspaces/', { method: 'POST', body, signal: aborting.signal });
    setTimeout(() => aborting.abort(), 30);
    await expect(sent).rejects.toThrow();
    await expect.poll(() => database.count('workspaces', { status: 'initializing' })).toBe(0);
    const row = await database.findOne('workspaces', { name: 'broken off' });
    expect(await directories()).toEqual(row ? [...before, row.location].sort() : before);
  });
});

describe('"two files in one field: the last wins"', () => {
  test('both are kept', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'form', description: '' });
    const form = new FormData();
    for (const name of ['one.txt', 'two.txt', 'three.txt']) form.append('file', new Blob([name]), name);
    expect((await ada.request(`/workspaces/${workspace.id}/upload/`, { method: 'PUT', body: form })).status).toBe(200);
    for (const name of ['one.txt', 'two.txt', 'three.txt']) {
      expect(await ada.client.files.readText(workspace.id, name)).toBe(name);
    }
  });
});

describe('"Exit codes are ignored (a failed script is `complete`)"', () => {
  test.each([
    ['exit 0', { status: 'complete', exit_code: 0, signal: null, status_reason: 'finished' }],
    [
      'echo the last words; exit 3',
      { status: 'failed', exit_code: 3, signal: null, status_reason: 'exit_code', last_log_lines: ['the last words'] },
    ],
    ['kill -SEGV $$', { status: 'failed', exit_code: null, signal: 'SIGSEGV', status_reason: 'signal' }],
  ])('%s', async (script, ending) => {
    const { job } = await shell(script);
    expect(await ada.client.jobs.waitUntilEnded(job.id, patience)).toMatchObject(ending);
  });
});

describe('"core hours are computed only for the last job of a workspace; jobs of a deleted workspace vanish from the list"', () => {
  test('each job has its own, and stays listed when its workspace is gone', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'two jobs', description: '' });
    const ids: number[] = [];
    for (const seconds of [0.4, 1.2, 0.4]) {
      const command = ['/bin/sh', '-c', `sleep ${seconds}`];
      const resource_options = { num_cpus: 2, memory_mb: 256, time_limit_minutes: 5 };
      ids.push(
        (
          await ada.client.workspaces.start(workspace.id, {
            job_type: 'web_app',
            job_details: { command },
            resource_options,
          })
        ).id,
      );
    }
    const ended = await Promise.all(ids.map((id) => ada.client.jobs.waitUntilEnded(id, patience)));
    const hours = ended.map((job) => job.core_hours * 3600);
    for (const [index, seconds] of [0.4, 1.2, 0.4].entries()) {
      expect(hours[index]).toBeGreaterThan(seconds);
      expect(hours[index]).toBeLessThan(2 * seconds + 4);
    }
    expect(hours[1]).toBeGreaterThan(hours[0] ?? Number.POSITIVE_INFINITY);
    await ada.client.workspaces.delete(workspace.id);
    await isGone(workspace);
    const listed = (await ada.client.jobs.list({ workspace_id: workspace.id })).items;
    expect(listed.map(({ id, core_hours }) => [id, core_hours])).toEqual(
      ended.map(({ id, core_hours }) => [id, core_hours]),
    );
  });
});

describe('"lost Slurm jobs and unreachable back ends are reported `complete`"', () => {
  const launches = (): string => join(server.dataDirectory, 'launches', 'main_resource');
  const keyOf = async ({ id }: Job): Promise<string> => (await database.findOne('jobs', { id }))?.launch_key ?? '';

  test('a job whose supervisor was killed has failed, as lost', async () => {
    const { workspace, job } = await shell('sleep 100');
    await runs(job);
    const [pid] = (await readFile(join(launches(), await keyOf(job), 'supervisor'), 'utf8')).split(' ');
    process.kill(Number(pid), 'SIGKILL');
    expect(await ada.client.jobs.waitUntilEnded(job.id, patience)).toMatchObject({
      status: 'failed',
      status_reason: 'lost',
      exit_code: null,
    });
    expect((await ada.client.workspaces.get(workspace.id)).status).toBe('idle');
  });

  test('a job that its resource no longer knows has failed, as lost', { timeout: 60_000 }, async () => {
    const { job } = await shell('sleep 100');
    await runs(job);
    const key = await keyOf(job);
    // Of its first process, with which all of it ends.
    const [pid] = (await readFile(join(launches(), key, 'started'), 'utf8')).split(' ');
    await server.stop('SIGKILL');
    process.kill(Number(pid), 'SIGKILL');
    // Its supervisor may still be writing how it ended.
    await rm(join(launches(), key), { recursive: true, maxRetries: 20, retryDelay: 100 });
    await restart();
    expect(await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 40_000 })).toMatchObject({
      status: 'failed',
      status_reason: 'lost',
    });
  });

  test('while a resource cannot be asked nothing changes', { timeout: 60_000 }, async () => {
    const { job } = await shell('sleep 100');
    await runs(job);
    const before = await database.findOne('jobs', { id: job.id });
    await server.stop('SIGKILL');
    await rename(launches(), `${launches()}.away`);
    await restart();
    // Without its records the resource knows of nothing: new ones, of which it cannot be sure, would be an answer.
    await rm(launches(), { recursive: true, maxRetries: 20, retryDelay: 100 });
    await delay(8_000);
    expect((await ada.client.jobs.get(job.id)).status).toBe('running');
    await rename(`${launches()}.away`, launches());
    await delay(2_000);
    expect(await database.findOne('jobs', { id: job.id })).toMatchObject({
      status: 'running',
      resource_handle: before?.resource_handle,
    });
    await ada.client.jobs.stop(job.id);
    expect(await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 40_000 })).toMatchObject({
      status: 'complete',
      status_reason: 'stopped',
    });
  });
});

describe('"Each active job is polled as fast as the queue turns (1 job: 43 updates a second and a whole core busy)."', () => {
  /** Processor time of a process so far, in milliseconds. */
  async function cpuMs(pid: number | undefined): Promise<number> {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
    // In ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  test('with a running session nothing is written, and the server rests', { timeout: 60_000 }, async () => {
    const { job } = await startSession(ada, { job_type: 'terminal' });
    const written = async () => [
      await database.findOne('jobs', { id: job.id }),
      (await database.findOne('users', { username: 'ada' }))?.event_seq,
    ];
    // Until what its start wrote has been written: the survey of its files comes last, later on a busy machine.
    let rested = await written();
    for (let restedMs = 0; restedMs < 2_000; restedMs += 500) {
      await delay(500);
      const now = await written();
      if (!isDeepStrictEqual(now, rested)) restedMs = -500;
      rested = now;
    }
    const before = await cpuMs(server.process.pid);
    await delay(5_000);
    const usedMs = (await cpuMs(server.process.pid)) - before;
    console.log(`One running job, five seconds: ${usedMs} ms of processor time.`);
    expect(usedMs).toBeLessThan(250);
    expect(await written()).toEqual(rested);
  });

  test("a job's states are told once each, not at every look", async () => {
    const { job } = await shell('sleep 1');
    await ada.client.jobs.waitUntilEnded(job.id, patience);
    const events = await database.find('events', { where: { subject_id: job.id, type: 'job.changed' } });
    const states = events.map(({ payload }) => {
      const { id: _, datetime: __, ...event } = JSON.parse(payload);
      return JSON.stringify(event);
    });
    expect(new Set(states).size).toBe(states.length);
    expect(states.length).toBeLessThan(8);
  });
});
