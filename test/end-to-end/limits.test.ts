// What ends jobs besides their owner, on real processes.
import { join } from 'node:path';
import type { Job } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTestConfiguration } from '../support/configuration.js';
import { putAway } from '../support/put-away.js';
import { processesBelow, type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

let server: RunningServer;
let ada: User;
/** Runs into its limit, of a minute, while the other tests run. */
let limited: Job;
/** Had the same limit, until it was extended. */
let longLived: Job | undefined;

beforeAll(async () => {
  const root = await temporaryDirectory();
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1' },
  });
  ada = await signIn(server);
  limited = await runScript('(setsid sh -c "while :; do sleep 1; done") & while :; do sleep 1; done', {
    time_limit_minutes: 1,
  });
});

afterAll(async () => {
  expect(await putAway(server, [ada])).toEqual([]);
});

/** A job that runs a shell script. */
async function runScript(script: string, options: Record<string, number> = {}): Promise<Job> {
  const request = {
    job_type: 'web_app',
    job_details: { command: ['/bin/sh', '-c', script] },
    resource_options: options,
  };
  return (await startJob(ada, request)).job;
}

/** Processes that have the job's own directory in their environment. */
function processesOf(job: Job): Promise<number[]> {
  return processesBelow(join(server.dataDirectory, 'workspaces', 'ada', `${job.workspace_id}`, `.${job.id}`));
}

function end(job: Job): Promise<Job> {
  return ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 40_000 });
}

/** Serves HTTP, and allocates and uses so much memory when it is asked to. */
const server64 = `
const held = [];
require('node:http').createServer((request, response) => {
  if (request.url === '/allocate') for (let count = 0; count < 128; count++) held.push(Buffer.alloc(1024 * 1024, 1));
  response.end('served ' + held.length);
}).listen(Number(process.env.PORT), process.env.HOST);
`;

describe('memory', () => {
  test('a job that allocates twice its limit ends with that reason, and its neighbour lives', async () => {
    const files = [{ name: 'app.cjs', content: server64 }];
    const options = { job_type: 'web_app', resource_options: { memory_mb: 64 } };
    const [greedy, neighbour] = await Promise.all([
      startSession(ada, options, files),
      startSession(ada, options, files),
    ]);
    const opened = await visit(neighbour.session.url);
    expect(await opened.response.text()).toBe('served 0');
    // Whether its answer still gets out depends on how soon it is ended.
    await visit(greedy.session.open('/allocate')).catch(() => undefined);

    const ended = await end(greedy.job);
    expect(ended).toMatchObject({ status: 'failed', status_reason: 'memory_limit' });
    expect(ended.status_message).toMatch(/memory/i);
    expect(await (await visit(opened.url, opened.cookie)).response.text()).toBe('served 0');
    expect(await ada.client.jobs.get(neighbour.job.id)).toMatchObject({ status: 'running', status_reason: null });
  });

  test('counts all processes of a job together', async () => {
    const hog = 'node -e "const held = Buffer.alloc(50 << 20, 1); setInterval(() => held.length, 1000)"';
    const job = await runScript(`${hog} & ${hog} & ${hog} & wait`, { memory_mb: 96 });
    expect(await end(job)).toMatchObject({ status: 'failed', status_reason: 'memory_limit' });
  });
});

describe('time', () => {
  test('can be extended while a job runs', async () => {
    const job = await runScript('sleep 600', { time_limit_minutes: 1 });
    for await (const { status } of ada.client.jobs.watch(job.id)) if (status === 'running') break;
    const longer = await ada.client.jobs.extend(job.id, 30);
    const limitMs = Date.parse(longer.datetime_time_limit ?? '') - Date.parse(longer.datetime_start ?? '');
    expect(limitMs).toBe(30 * 60_000);
    expect(longer.job_details.current_job_details.time_left).toBeGreaterThan(29 * 60);
    longLived = job;
  });

  test('cannot be set for a job that does not run, nor beyond what is allowed', async () => {
    const job = await runScript('exit 0');
    await end(job);
    await expect(ada.client.jobs.extend(job.id, 30)).rejects.toMatchObject({ code: 'job_not_active' });
    const running = await runScript('sleep 600');
    for await (const { status } of ada.client.jobs.watch(running.id)) if (status === 'running') break;
    await expect(ada.client.jobs.extend(running.id, 100_000)).rejects.toMatchObject({ status: 422 });
    expect((await ada.client.jobs.get(running.id)).status).toBe('running');
    await ada.client.jobs.stop(running.id);
    await end(running);
  });
});

describe('the end of a job', () => {
  test('of its own accord is complete', async () => {
    expect(await end(await runScript('echo done'))).toMatchObject({
      status: 'complete',
      status_reason: 'finished',
      exit_code: 0,
    });
  });

  test('with an exit code tells it, and the last lines of its output', async () => {
    const ended = await end(
      await runScript('for i in $(seq 30); do echo line $i; done; echo "no space left" >&2; exit 17'),
    );
    expect(ended).toMatchObject({ status: 'failed', status_reason: 'exit_code', exit_code: 17, signal: null });
    expect(ended.status_message).toContain('17');
    expect(ended.last_log_lines).toHaveLength(20);
    expect(ended.last_log_lines.at(-1)).toBe('no space left');
    expect(ended.job_details.current_job_details.message).toContain('failed');
    let text = '';
    for await (const piece of ada.client.jobs.logs(ended.id)) text += piece;
    expect(text).toContain('line 1\n');
    expect(text.trimEnd().split('\n')).toHaveLength(31);
  });

  test('by a signal tells it', async () => {
    const ended = await end(await runScript('kill -SEGV $$'));
    expect(ended).toMatchObject({ status: 'failed', status_reason: 'signal', signal: 'SIGSEGV' });
  });

  test('that could not begin says why', async () => {
    const missing = await startJob(ada, {
      job_type: 'web_app',
      job_details: { command: ['no-such-program', '--flag'] },
    });
    const ended = await end(missing.job);
    expect(ended).toMatchObject({ status: 'failed', exit_code: 127 });
    expect(ended.last_log_lines.join('\n')).toContain('no-such-program');
  });

  test('on request stops what it started, and is not a failure', async () => {
    const stubborn = 'trap "" TERM; setsid sh -c "trap : TERM; exec sleep 601" & while :; do sleep 1; done';
    const job = await runScript(stubborn);
    await expect.poll(() => processesOf(job)).toHaveLength(3);
    await ada.client.jobs.stop(job.id);
    const ended = await end(job);
    expect(ended).toMatchObject({ status: 'complete', status_reason: 'stopped' });
    expect(await processesOf(job)).toEqual([]);
    await expect(ada.client.jobs.stop(job.id)).rejects.toMatchObject({ code: 'job_not_active', status: 400 });
  });
});

describe('what a start asks for', () => {
  test('is refused where it is outside of the limits, with the name of the option', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Refused', description: '' });
    const start = (options: Record<string, unknown>) =>
      ada.request(`/workspaces/${workspace.id}/start`, {
        method: 'PUT',
        body: JSON.stringify({ job_type: 'web_app', job_details: {}, resource_options: options }),
      });
    for (const options of [{ memory_mb: 1 }, { memory_mb: '64' }, { num_cpus: 100 }, { time_limit_minutes: 0 }]) {
      const answer = await start(options);
      expect([options, answer.status]).toEqual([options, 422]);
      const body: { message: string; success: boolean; error: { code: string; field: string } } = await answer.json();
      expect(body).toMatchObject({ success: false, error: { code: 'invalid_options' } });
      expect(JSON.stringify(body)).toContain(Object.keys(options)[0]);
    }
    expect((await ada.client.jobs.list({ workspace_id: workspace.id })).items).toEqual([]);
  });
});

describe('a time limit', () => {
  test('ends a job, and all that it started, with that reason; one that was extended goes on', {
    timeout: 90_000,
  }, async () => {
    const before = await ada.client.jobs.get(limited.id);
    expect(before).toMatchObject({ status: 'running' });
    const limitMs = Date.parse(before.datetime_time_limit ?? '') - Date.parse(before.datetime_start ?? '');
    expect(limitMs).toBe(60_000);
    expect(await processesOf(limited)).not.toEqual([]);

    const ended = await ada.client.jobs.waitUntilEnded(limited.id, { timeoutMs: 80_000 });
    expect(ended).toMatchObject({ status: 'complete', status_reason: 'time_limit' });
    expect(ended.status_message).toMatch(/time limit/i);
    const ranMs = Date.parse(ended.datetime_end ?? '') - Date.parse(ended.datetime_start ?? '');
    expect(ranMs).toBeGreaterThanOrEqual(60_000);
    expect(ranMs).toBeLessThan(66_000);
    expect(await processesOf(limited)).toEqual([]);
    if (!longLived) throw new Error('The job that was to be extended is missing.');
    expect(await ada.client.jobs.get(longLived.id)).toMatchObject({ status: 'running' });
  });
});
