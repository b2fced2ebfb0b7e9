// The conversation of the portal that is in production with the server: what it sends, by the letter, and what it reads.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Portal, type PortalAnswer, portalSignIn } from '../support/portal.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn } from '../support/users.js';
import { visit } from '../support/visit.js';

const configuration = fileURLToPath(new URL('portal-config.mjs', import.meta.url));
const standIn = `#!/usr/bin/python3 -I
# A stand-in for Apptainer: takes \`run … IMAGE\` and serves HTTP on the port that the image would serve on.
import http.server, os, sys
assert sys.argv[1] == "run" and os.path.isfile(sys.argv[-1])
http.server.HTTPServer(("127.0.0.1", int(os.environ["YAC_PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
`;

const uuid = '0123456789abcdef0123456789abcdef';
const sliders = { num_cpus: 1, memory_mb: 8192, time_limit_minutes: 180, gpu_enabled: false };
const workspaceStatuses = ['active', 'idle', 'initializing', 'deleting', 'error'];
const jobStatuses = ['pending', 'running', 'stopping', 'complete', 'failed'];
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let root: string;
let server: RunningServer;

beforeAll(async () => {
  root = await temporaryDirectory();
  const programs = join(root, 'programs');
  await mkdir(join(root, 'data-sets', uuid), { recursive: true });
  await mkdir(programs);
  await writeFile(join(programs, 'apptainer'), standIn);
  await chmod(join(programs, 'apptainer'), 0o755);
  await writeFile(join(programs, 'yac.sif'), '');
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: configuration,
      UWS_TEST_PROGRAMS: programs,
      UWS_ALLOWED_LINK_ROOTS: join(root, 'data-sets'),
      UWS_STOP_GRACE_SECONDS: '2',
    },
  });
});

afterAll(async () => {
  const users = await Promise.all(everybody.map((name) => signIn(server, name)));
  expect(await putAway(server, users)).toEqual([]);
});

const everybody: string[] = [];

async function signInAs(name: string, slash: '' | '/'): Promise<PortalAnswer> {
  if (!everybody.includes(name)) everybody.push(name);
  const user_info = { username: name, email: `${name}@example.org`, first_name: name, last_name: 'Example' };
  return portalSignIn(server.baseUrl, `/tokens${slash}`, { client_token: server.clientToken, user_info });
}

async function portalOf(name: string, slash: '' | '/'): Promise<Portal> {
  return new Portal(server.baseUrl, (await signInAs(name, slash)).body.token, slash);
}

/** Asks until the answer is as hoped. */
async function until(
  ask: () => Promise<PortalAnswer>,
  isRight: (answer: PortalAnswer) => boolean,
): Promise<PortalAnswer> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`Not in 30 seconds: ${JSON.stringify(answer.body)}`);
    await delay(100);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as portals read them
function jobIn(answer: PortalAnswer, id: number): any {
  return answer.body.data.jobs.find((job: { id: number }) => job.id === id);
}

/** What the portal needs of every job in a list, whatever its state. */
function expectReadableJobs(answer: PortalAnswer): void {
  expect(answer).toMatchObject({ status: 200, body: { success: true } });
  for (const job of answer.body.data.jobs) {
    expect(jobStatuses).toContain(job.status);
    const { current_job_details: current, request_job_details: requested } = job.job_details;
    expect(current).toBeTypeOf('object');
    expect(requested.resource_options).toBeTypeOf('object');
    // A running job without one is still starting; an empty one would be opened.
    if ('connection_details' in current) {
      const { url_domain, url_path } = current.connection_details;
      expect(url_domain).toMatch(/^https?:\/\/.*[^/]$/);
      expect(url_path === '' || url_path.startsWith('/')).toBe(true);
      expect(url_path.split('?').length).toBeLessThanOrEqual(2);
      expect(url_path).not.toContain('#');
    }
    if ('time_left' in current) expect(current.time_left === null || typeof current.time_left === 'number').toBe(true);
  }
}

describeWith(['jupyter'], 'the conversation with the portal', () => {
  describe.each([
    ['without a slash at the end', '', 'bare'],
    ['with a slash at the end', '/', 'slashed'],
  ] as const)('%s', (_, slash, suffix) => {
    const ada = `ada-${suffix}`;
    const ben = `ben-${suffix}`;
    let portal: Portal;
    let other: Portal;
    let workspaceId: number;
    let jobId: number;
    let copyId: number;
    // biome-ignore lint/suspicious/noExplicitAny: as portals read them
    let running: any;

    test('1, 2: signing in sends no Content-Type; a second sign-in leaves the first token alone', async () => {
      const first = await signInAs(ada, slash);
      expect(first).toMatchObject({ status: 200, body: { success: true, token: expect.any(String) } });
      const second = await signInAs(ada, slash);
      expect(second.status).toBe(200);
      expect(second.body.token).not.toBe(first.body.token);
      portal = new Portal(server.baseUrl, first.body.token, slash);
      expect((await portal.get('/workspaces')).status).toBe(200);
      other = await portalOf(ben, slash);
    });

    test('1: a refused sign-in is JSON without a token', async () => {
      const user_info = { username: ada, email: `${ada}@example.org` };
      const answer = await portalSignIn(server.baseUrl, `/tokens${slash}`, { client_token: 'wrong', user_info });
      expect(answer).toMatchObject({ status: 401, body: { success: false, message: expect.any(String) } });
      expect(answer.body).not.toHaveProperty('token');
    });

    test('3: a pre-flight from another origin is allowed, and kept', async () => {
      const { status, headers } = await fetch(`${server.baseUrl}/jobs${slash}`, {
        method: 'OPTIONS',
        headers: {
          Origin: 'https://portal.example.org',
          'Access-Control-Request-Method': 'PUT',
          'Access-Control-Request-Headers': 'uws-authorization,content-type',
        },
      });
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(300);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('access-control-allow-methods')?.split(/,\s*/)).toEqual(
        expect.arrayContaining(['GET', 'POST', 'PUT', 'DELETE']),
      );
      expect(headers.get('access-control-allow-headers')?.toLowerCase().split(/,\s*/)).toEqual(
        expect.arrayContaining(['uws-authorization', 'content-type']),
      );
      expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0);
    });

    test('4: job types are public', async () => {
      const response = await fetch(`${server.baseUrl}/job_types${slash}`, { redirect: 'manual' });
      expect(response.status).toBe(200);
      const { success, data } = await response.json();
      expect(success).toBe(true);
      expect(data.job_types.jupyter_lab).toMatchObject({ id: 'jupyter_lab', name: 'JupyterLab' });
      expect(data.job_types.yac).toMatchObject({ id: 'yac', name: 'YAC' });
    });

    test('5, 6: a new user has no workspaces, which is no error; somebody without a token is told so in JSON', async () => {
      const answer = await portal.get('/workspaces');
      expect(answer).toMatchObject({ status: 200, body: { success: true, data: { workspaces: [] } } });
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      const response = await fetch(`${server.baseUrl}/workspaces${slash}`, { redirect: 'manual' });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ success: false, message: expect.any(String) });
    });

    test('7: a workspace with a file and a data set', async () => {
      const answer = await portal.post('/workspaces', {
        name: 'My workspace',
        description: 'Of the portal',
        default_job_type: 'jupyter_lab',
        workspace_details: {
          globus_groups_token: 'of no use here',
          files: [
            { name: 'blank.ipynb', content: '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}' },
            { name: '.hidden.txt', content: 'not for others' },
          ],
          symlinks: [{ name: `datasets/${uuid}`, dataset_uuid: uuid, source_path: join(root, 'data-sets', uuid) }],
        },
      });
      expect(answer).toMatchObject({ status: 200, body: { success: true } });
      const { workspace } = answer.body.data;
      expect(workspace).toMatchObject({
        id: expect.any(Number),
        name: 'My workspace',
        description: 'Of the portal',
        status: 'idle',
        default_job_type: 'jupyter_lab',
        datetime_created: expect.stringMatching(isoTime),
        datetime_last_job_launch: null,
        workspace_details: {
          current_workspace_details: expect.any(Object),
          request_workspace_details: { symlinks: [{ name: `datasets/${uuid}`, dataset_uuid: uuid }] },
        },
      });
      expect(workspace.workspace_details.request_workspace_details.files).toEqual([
        { name: 'blank.ipynb' },
        { name: '.hidden.txt' },
      ]);
      workspaceId = workspace.id;
    });

    test('8: a workspace without a description is refused', async () => {
      const answer = await portal.post('/workspaces', { name: 'No description' });
      expect(answer).toMatchObject({ status: 400, body: { success: false, message: 'Missing required fields.' } });
      expect((await portal.get('/workspaces')).body.data.workspaces).toHaveLength(1);
    });

    test('9: one workspace is a list of one, with its present files', async () => {
      const answer = await until(
        () => portal.get(`/workspaces/${workspaceId}`),
        ({ body }) => body.data.workspaces[0].workspace_details.current_workspace_details.files?.length > 0,
      );
      expect(answer.body.data.workspaces).toHaveLength(1);
      const { current_workspace_details: current } = answer.body.data.workspaces[0].workspace_details;
      expect(current.files.map((file: { name: string }) => file.name)).toEqual(['/blank.ipynb']);
      expect(current.symlinks.map((link: { name: string }) => link.name)).toEqual([`/datasets/${uuid}`]);
      // The data set is the last segment of the link's name.
      expect(current.symlinks[0].name.split('/').at(-1)).toBe(uuid);
    });

    test('9: an unknown workspace is an empty list', async () => {
      const answer = await portal.get('/workspaces/987654321');
      expect(answer).toMatchObject({ status: 200, body: { success: true, data: { workspaces: [] } } });
    });

    test('10: renaming', async () => {
      const answer = await portal.put(`/workspaces/${workspaceId}`, { name: 'Renamed', description: 'Anew' });
      expect(answer).toMatchObject({ status: 200, body: { success: true, message: 'Update successful.' } });
      const [row] = (await portal.get(`/workspaces/${workspaceId}`)).body.data.workspaces;
      expect(row).toMatchObject({ name: 'Renamed', description: 'Anew' });
      expect(row.datetime_last_modified).toMatch(isoTime);
      expect(row.workspace_details.request_workspace_details.symlinks[0].dataset_uuid).toBe(uuid);
    });

    test('12: an option of another type is refused', async () => {
      const resource_options = { ...sliders, num_cpus: '2' };
      const answer = await portal.put(`/workspaces/${workspaceId}/start`, {
        job_type: 'jupyter_lab',
        job_details: {},
        resource_options,
      });
      expect(answer).toMatchObject({ status: 422, body: { success: false, message: expect.any(String) } });
      // The portal shows no workspaces at all without jobs, and needs the list all the same.
      expect(await portal.get('/jobs')).toMatchObject({ status: 200, body: { success: true, data: { jobs: [] } } });
    });

    test('11, 13: starting; while the job is pending nothing claims to be open', async () => {
      const answer = await portal.put(`/workspaces/${workspaceId}/start`, {
        job_type: 'jupyter_lab',
        job_details: {},
        resource_options: sliders,
      });
      expect(answer).toMatchObject({ status: 200, body: { success: true, message: 'Successful start.' } });
      const { job } = answer.body.data;
      expect(job).toMatchObject({
        id: expect.any(Number),
        status: 'pending',
        workspace_id: workspaceId,
        core_hours: 0,
      });
      expect(job.job_details.current_job_details).toEqual({});
      jobId = job.id;
      const pending = await portal.get('/jobs');
      expectReadableJobs(pending);
      expect(jobIn(pending, jobId)).toMatchObject({
        status: 'pending',
        workspace_id: workspaceId,
        job_type: 'jupyter_lab',
      });
      expect(jobIn(pending, jobId).job_details.current_job_details).toEqual({});
      const [row] = (await portal.get(`/workspaces/${workspaceId}`)).body.data.workspaces;
      expect(row).toMatchObject({ status: 'active', datetime_last_job_launch: expect.stringMatching(isoTime) });
    });

    test('14: while it runs it says how it is reached, for how long, and what it used', async () => {
      const answer = await until(
        async () => {
          const jobs = await portal.get('/jobs');
          expectReadableJobs(jobs);
          return jobs;
        },
        (jobs) => 'connection_details' in jobIn(jobs, jobId).job_details.current_job_details,
      );
      running = jobIn(answer, jobId);
      expect(running).toMatchObject({ status: 'running', core_hours: expect.stringMatching(/^\d+\.\d{5}$/) });
      const { current_job_details: current, request_job_details: requested } = running.job_details;
      expect(current).toMatchObject({ message: 'Webserver ready.', time_left: expect.any(Number) });
      expect(current.time_left).toBeGreaterThan(170 * 60);
      expect(requested.resource_options).toEqual(sliders);
    });

    test.each([
      '/blank.ipynb',
      'blank.ipynb',
    ])('14: the address that the portal makes of it opens %s', async (notebook) => {
      const { url_domain, url_path } = running.job_details.current_job_details.connection_details;
      const [before, after] = `${url_domain}${url_path}`.split('?');
      const { response } = await visit(`${before}/tree/${notebook}?${after}`);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('blank.ipynb');
    });

    test('15: a workspace is not deleted while its job runs', async () => {
      const answer = await portal.delete(`/workspaces/${workspaceId}`);
      expect(answer).toMatchObject({
        status: 400,
        body: { success: false, message: expect.stringContaining('jobs are running') },
      });
    });

    test('renewing: stopped and started again at once, without waiting for the end', async () => {
      expect((await portal.put(`/jobs/${jobId}/stop`)).status).toBe(200);
      const answer = await portal.put(`/workspaces/${workspaceId}/start`, {
        job_type: running.job_type,
        job_details: {},
        resource_options: running.job_details.request_job_details.resource_options,
      });
      expect(answer).toMatchObject({
        status: 200,
        body: { data: { job: { status: 'pending', workspace_id: workspaceId } } },
      });
      const renewed = answer.body.data.job.id;
      expect(renewed).not.toBe(jobId);
      const jobs = await until(
        () => portal.get('/jobs'),
        (list) =>
          'connection_details' in jobIn(list, renewed).job_details.current_job_details &&
          jobIn(list, jobId).status === 'complete',
      );
      const [was, is] = [running, jobIn(jobs, renewed)].map(
        (job) => job.job_details.current_job_details.connection_details.url_path,
      );
      expect(is.split('?')[0]).not.toBe(was.split('?')[0]);
      expect((await portal.get(`/workspaces/${workspaceId}`)).body.data.workspaces[0].status).toBe('active');
      jobId = renewed;
    });

    test('16, 17: stopping with an empty body; a second time it is too late', async () => {
      const answer = await portal.put(`/jobs/${jobId}/stop`);
      expect(answer).toMatchObject({ status: 200, body: { success: true, message: 'Job queued to stop.' } });
      expect(['stopping', 'complete']).toContain(jobIn(await portal.get('/jobs'), jobId).status);
      await until(
        () => portal.get('/jobs'),
        (jobs) => jobIn(jobs, jobId).status === 'complete',
      );
      expect((await portal.get(`/workspaces/${workspaceId}`)).body.data.workspaces[0].status).toBe('idle');
      expect(await portal.put(`/jobs/${jobId}/stop`)).toMatchObject({
        status: 400,
        body: { success: false, message: 'This job is not running or pending.' },
      });
    });

    test('18: sharing, with the id as a string', async () => {
      const search = await portal.get(`/users?search=${ben}`);
      expect(search.body.data.users).toEqual([
        { id: expect.any(Number), username: ben, first_name: ben, last_name: 'Example', email: `${ben}@example.org` },
      ]);
      const answer = await portal.post('/shared_workspaces', {
        original_workspace_id: String(workspaceId),
        shared_user_ids: [search.body.data.users[0].id],
      });
      expect(answer).toMatchObject({ status: 200, body: { success: true, data: expect.any(Object) } });
    });

    test('19: both sides see it; it is no workspace of the receiver yet', async () => {
      // Between two looks the copy may be completed, of which both then tell.
      const sent = await until(
        () => portal.get('/shared_workspaces'),
        ({ body }) => body.data.original_workspaces[0].status === 'copied',
      );
      expect(sent.body.data.shared_workspaces).toEqual([]);
      const received = await other.get('/shared_workspaces');
      expect(received).toMatchObject({ status: 200, body: { data: { original_workspaces: [] } } });
      expect(received.body.data.shared_workspaces).toEqual(sent.body.data.original_workspaces);
      const [invitation] = received.body.data.shared_workspaces;
      const person = (name: string) => ({
        username: name,
        first_name: name,
        last_name: 'Example',
        email: `${name}@example.org`,
      });
      const symlinks = [expect.objectContaining({ dataset_uuid: uuid })];
      expect(invitation).toMatchObject({
        original_workspace_id: { id: workspaceId, name: 'Renamed', user_id: person(ada) },
        shared_workspace_id: {
          id: expect.any(Number),
          name: 'Renamed',
          user_id: person(ben),
          workspace_details: { request_workspace_details: { symlinks } },
        },
        last_resource_options: { cpus_per_task: 1, memory_per_node: 8192, time_limit: 180 },
        last_job_type: 'jupyter_lab',
        is_accepted: false,
        datetime_share_created: expect.stringMatching(isoTime),
      });
      copyId = invitation.shared_workspace_id.id;
      expect((await other.get('/workspaces')).body.data.workspaces).toEqual([]);
      // The id is the copy's.
      expect((await other.get(`/shared_workspaces/${copyId}`)).body.data.shared_workspaces).toHaveLength(1);
      expect((await portal.get(`/shared_workspaces/${copyId}`)).body.data.original_workspaces).toHaveLength(1);
    });

    test('20: accepting with an empty body; the files are there, dot files are not', async () => {
      expect(await other.put(`/shared_workspaces/${copyId}/accept`)).toMatchObject({
        status: 200,
        body: { success: true },
      });
      const answer = await until(
        () => other.get('/workspaces'),
        ({ body }) => body.data.workspaces[0]?.status === 'idle',
      );
      const [row] = answer.body.data.workspaces;
      expect(row).toMatchObject({ id: copyId, name: 'Renamed', default_job_type: 'jupyter_lab' });
      const { current_workspace_details: current, request_workspace_details: requested } = row.workspace_details;
      expect(current.files).toEqual([{ name: '/blank.ipynb' }]);
      expect(current.symlinks).toEqual([{ name: `/datasets/${uuid}` }]);
      expect(requested.symlinks[0].dataset_uuid).toBe(uuid);
      const token = (await signInAs(ben, slash)).body.token;
      const hidden = await fetch(`${server.baseUrl}/workspaces/${copyId}/files/content/?path=.hidden.txt`, {
        headers: { 'UWS-Authorization': `Token ${token}` },
      });
      expect(hidden.status).toBe(404);
    });

    test('20: declining', async () => {
      const users = (await portal.get(`/users?search=${ben}`)).body.data.users;
      const made = await portal.post('/shared_workspaces', {
        original_workspace_id: String(workspaceId),
        shared_user_ids: [users[0].id],
      });
      const declined = made.body.data.shared_workspaces[0].shared_workspace_id.id;
      expect((await other.delete(`/shared_workspaces/${declined}`)).status).toBe(200);
      await until(
        () => other.get(`/shared_workspaces/${declined}`),
        ({ body }) => body.data.shared_workspaces.length === 0,
      );
    });

    test('21: deleting; the list works on, and the jobs stay listed', async () => {
      const answer = await portal.delete(`/workspaces/${workspaceId}`);
      expect(answer).toMatchObject({
        status: 200,
        body: { success: true, message: `Workspace ${workspaceId} queued for deletion.` },
      });
      const lists = await until(
        async () => {
          const list = await portal.get('/workspaces');
          expect(list.status).toBe(200);
          for (const row of list.body.data.workspaces) expect(row.status).toBe('deleting');
          return list;
        },
        ({ body }) => body.data.workspaces.length === 0,
      );
      expect(lists.body.success).toBe(true);
      // With an empty list of jobs the portal shows no workspaces at all.
      expect(jobIn(await portal.get('/jobs'), jobId)).toMatchObject({ workspace_id: workspaceId, status: 'complete' });
      expect((await portal.get('/shared_workspaces')).status).toBe(200);
    });

    test('an empty search for users is answered', async () => {
      expect(await portal.get('/users?search=')).toMatchObject({
        status: 200,
        body: { success: true, data: { users: [] } },
      });
    });
  });
});

describe.each([
  ['without a slash at the end', '', 'bare'],
  ['with a slash at the end', '/', 'slashed'],
] as const)('what the portal relies on, %s', (_, slash, suffix) => {
  let portal: Portal;
  beforeAll(async () => {
    portal = await portalOf(`carol-${suffix}`, slash);
  });

  async function makeYac(): Promise<{ workspaceId: number; jobId: number }> {
    const made = await portal.post('/workspaces', {
      name: 'YAC',
      description: 'YAC',
      default_job_type: 'yac',
      workspace_details: {},
    });
    const workspaceId = made.body.data.workspace.id;
    const started = await portal.put(`/workspaces/${workspaceId}/start`, {
      job_type: 'yac',
      job_details: {},
      resource_options: sliders,
    });
    expect(started.status).toBe(200);
    return { workspaceId, jobId: started.body.data.job.id };
  }

  test('yac: its address is used untouched; stopped, deleted and made anew without waiting', async () => {
    const first = await makeYac();
    const jobs = await until(
      () => portal.get('/jobs'),
      (list) => 'connection_details' in jobIn(list, first.jobId).job_details.current_job_details,
    );
    expectReadableJobs(jobs);
    const { url_domain, url_path } = jobIn(jobs, first.jobId).job_details.current_job_details.connection_details;
    expect((await visit(`${url_domain}${url_path}`)).response.status).toBe(200);

    expect((await portal.put(`/jobs/${first.jobId}/stop`)).status).toBe(200);
    expect((await portal.delete(`/workspaces/${first.workspaceId}`)).status).toBe(200);
    const second = await makeYac();
    await until(
      () => portal.get('/jobs'),
      (list) => 'connection_details' in jobIn(list, second.jobId).job_details.current_job_details,
    );
    await until(
      () => portal.get('/workspaces'),
      ({ body }) => body.data.workspaces.every((row: { id: number }) => row.id !== first.workspaceId),
    );
    expect(jobIn(await portal.get('/jobs'), first.jobId).status).toBe('complete');
    expect((await portal.put(`/jobs/${second.jobId}/stop`)).status).toBe(200);
  });

  test('everything that the sliders can send is accepted, and all jobs are in one list', async () => {
    const made = await portal.post('/workspaces', { name: 'Sliders', description: '', workspace_details: {} });
    const { id } = made.body.data.workspace;
    const settings = [
      ...Array.from({ length: 16 }, (_, index) => ({ ...sliders, num_cpus: index + 1 })),
      ...[1024, 1025, 8192, 65_536, 131_071, 131_072].map((memory_mb) => ({ ...sliders, memory_mb })),
      ...[60, 61, 180, 719, 720].map((time_limit_minutes) => ({ ...sliders, time_limit_minutes })),
      { num_cpus: 16, memory_mb: 131_072, time_limit_minutes: 720, gpu_enabled: true },
    ];
    const ids: number[] = [];
    for (const resource_options of settings) {
      const body = { job_type: 'web_app', job_details: { command: ['/bin/sh', '-c', 'sleep 60'] }, resource_options };
      const answer = await portal.put(`/workspaces/${id}/start`, body);
      expect(answer, JSON.stringify(resource_options)).toMatchObject({ status: 200, body: { success: true } });
      ids.push(answer.body.data.job.id);
      await portal.put(`/jobs/${answer.body.data.job.id}/stop`);
    }
    const jobs = await portal.get('/jobs');
    expectReadableJobs(jobs);
    expect(jobs.body.data.jobs.map((job: { id: number }) => job.id)).toEqual(expect.arrayContaining(ids));
    expect(jobs.body.data).not.toHaveProperty('next_cursor');
    for (const [index, jobId] of ids.entries()) {
      expect(jobIn(jobs, jobId).job_details.request_job_details.resource_options).toEqual(settings[index]);
    }
  });

  test('statuses are those of the old service only', async () => {
    const rows = (await portal.get('/workspaces')).body.data.workspaces;
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(workspaceStatuses).toContain(row.status);
    expectReadableJobs(await portal.get('/jobs'));
  });

  test('a load script adds ?random= to its requests', async () => {
    const made = await portal.post('/workspaces?random=1', { name: 'Random', description: '', workspace_details: {} });
    expect(made.status).toBe(200);
    const renamed = await portal.put(`/workspaces/${made.body.data.workspace.id}?random=0.5`, { name: 'Random 2' });
    expect(renamed).toMatchObject({ status: 200, body: { success: true } });
  });
});
