// Sessions that nobody uses, that never start, that break: what ends them, and what their user is told.
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Event, Job } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { startBrowser } from '../support/browser.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { processesBelow, type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { typeInto } from '../support/terminal.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const idleMinutes = 8 / 60;
const warningMinutes = 4 / 60;

let server: RunningServer;
let ada: User;

beforeAll(async () => {
  const root = await temporaryDirectory();
  const webApplication = {
    job_type: 'WebApplicationJob',
    environment_details: { main_resource: { command: ['{uws_node}', 'app.cjs'], allow_command: true } },
  };
  const idle = { idle_timeout_minutes: idleMinutes, idle_warning_minutes: warningMinutes };
  const configuration = {
    available_job_types: {
      terminal: { job_type: 'TerminalJob', environment_details: { main_resource: {} }, ...idle },
      jupyter_lab: {
        job_type: 'JupyterLabJob',
        environment_details: { main_resource: { module_manager: 'system' } },
        ...idle,
        // On a busy machine a kernel takes seconds to start, and is at no work until then.
        idle_timeout_minutes: 2 * idleMinutes,
      },
      web_app: webApplication,
      web_app_idle: { ...webApplication, ...idle },
      impatient: { ...webApplication, ready_timeout_minutes: 3 / 60 },
    },
  };
  const path = join(root, 'config.json');
  await writeFile(path, JSON.stringify(configuration));
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: path,
      UWS_STOP_GRACE_SECONDS: '1',
      UWS_FIRST_USER: 'ada',
      UWS_FIRST_USER_EMAIL: 'ada@example.org',
    },
  });
  ada = await signIn(server);
});

afterAll(async () => {
  expect(await putAway(server, [ada])).toEqual([]);
});

const script = (text: string) => ({ command: ['/bin/sh', '-c', text] });
const application =
  "require('node:http').createServer((q, s) => s.end('here')).listen(Number(process.env.PORT), process.env.HOST);";
const ended = (job: Job): Promise<Job> => ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 50_000 });

/** The user's events of one job until it has ended. */
async function eventsOf(job: Job, after: number): Promise<Event[]> {
  const seen: Event[] = [];
  for await (const event of ada.client.events.stream({ lastEventId: after })) {
    if (!('job' in event) || event.job.id !== job.id) continue;
    seen.push(event);
    if (event.job.status === 'complete' || event.job.status === 'failed') break;
  }
  return seen;
}

describe('a session that nobody uses', () => {
  test('is stopped after a warning, complete, with its files kept; one with a program in its terminal goes on', async () => {
    const { event_id } = await ada.client.me();
    const [unused, busy] = await Promise.all([
      startSession(ada, { job_type: 'terminal' }, [{ name: 'kept.txt', content: 'still here' }]),
      startSession(ada, { job_type: 'terminal' }),
    ]);
    expect((await ada.client.catalogue.jobTypes()).terminal).toMatchObject({ idle_timeout_minutes: idleMinutes });
    await typeInto(server, busy.session, 'sleep 60\n', /sleep 60/);
    const events = await eventsOf(unused.job, event_id);
    const warnings = events.filter((event) => event.type === 'job.idle_warning');
    expect(warnings).toHaveLength(1);
    const [warning] = warnings;
    expect(warning?.type === 'job.idle_warning' && warning.job).toMatchObject({ status: 'running', phase: 'running' });
    const last = events.at(-1);
    const job = last && 'job' in last ? last.job : undefined;
    expect(job).toMatchObject({ status: 'complete', status_reason: 'idle', datetime_idle_stop: null });
    const announced = warning && 'job' in warning ? warning.job.datetime_idle_stop : null;
    expect(Date.parse(job?.datetime_end ?? '')).toBeGreaterThanOrEqual(Date.parse(announced ?? '') - 500);
    expect(await ada.client.files.readText(unused.workspace.id, 'kept.txt')).toBe('still here');

    // The other one has been as quiet for as long, its page closed.
    await delay(3_000);
    expect(await ada.client.jobs.get(busy.job.id)).toMatchObject({ status: 'running', datetime_idle_stop: null });
    await ada.client.jobs.stop(busy.job.id);
  });

  test('goes on when it is used after the warning', async () => {
    const { event_id } = await ada.client.me();
    const { job, session } = await startSession(ada, { job_type: 'web_app_idle' }, [
      { name: 'app.cjs', content: application },
    ]);
    let isWarned = false;
    for await (const event of ada.client.events.stream({ lastEventId: event_id })) {
      if (!('job' in event) || event.job.id !== job.id) continue;
      if (event.type === 'job.idle_warning') {
        isWarned = true;
        expect((await visit((await ada.client.jobs.waitUntilReady(job.id)).url)).response.status).toBe(200);
      } else if (isWarned && event.job.datetime_idle_stop === null) {
        expect(event.job.status).toBe('running');
        break;
      }
    }
    expect(session.url).toContain(`/${job.id}`);
    await ada.client.jobs.stop(job.id);
  });
});

describe('a session that is opened in the last second before its stop', () => {
  test('goes on, though others are in use at that time', async () => {
    const files = [{ name: 'app.cjs', content: application }];
    const [last, used] = await Promise.all([
      startSession(ada, { job_type: 'web_app_idle' }, files),
      startSession(ada, { job_type: 'web_app_idle' }, files),
    ]);
    const page = await visit(used.session.url);
    const asking = setInterval(() => void fetch(page.url, { headers: { Cookie: page.cookie } }), 500);
    try {
      const stopMs = async (): Promise<number | null> => {
        const { datetime_idle_stop } = await ada.client.jobs.get(last.job.id);
        return datetime_idle_stop === null ? null : Date.parse(datetime_idle_stop);
      };
      await expect.poll(stopMs, { timeout: 20_000, interval: 200 }).not.toBeNull();
      const { url } = await ada.client.jobs.waitUntilReady(last.job.id);
      await delay(((await stopMs()) ?? 0) - Date.now() - 700);
      expect((await visit(url)).response.status).toBe(200);
      await delay(2_000);
      expect(await ada.client.jobs.get(last.job.id)).toMatchObject({ status: 'running', datetime_idle_stop: null });
    } finally {
      clearInterval(asking);
    }
    await Promise.all([last, used].map(({ job }) => ada.client.jobs.stop(job.id)));
  });
});

describeWith(['jupyter'], 'a notebook server', () => {
  test('counts as used while a kernel is at work, and not by a page that only asks', { timeout: 90_000 }, async () => {
    const [quiet, busy] = await Promise.all([
      startSession(ada, { job_type: 'jupyter_lab' }),
      startSession(ada, { job_type: 'jupyter_lab' }),
    ]);
    const page = await visit(quiet.session.url.replace('?', '/api/kernels?'));
    const asking = setInterval(() => void fetch(page.url, { headers: { Cookie: page.cookie } }), 1_000);
    try {
      const { url, cookie } = await visit(busy.session.url.replace('?', '/api/kernels?'));
      const address = new URL(url);
      const base = address.href.slice(0, address.href.indexOf('/api/kernels'));
      const token = address.searchParams.get('token') ?? '';
      const headers = { Cookie: cookie, Authorization: `token ${token}`, 'Content-Type': 'application/json' };
      const made = await fetch(`${base}/api/kernels?token=${token}`, { method: 'POST', headers, body: '{}' });
      const { id }: { id: string } = await made.json();
      const socket = new WebSocket(`${base.replace('http', 'ws')}/api/kernels/${id}/channels?token=${token}`, {
        headers: { Cookie: cookie, Origin: server.baseUrl },
      });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      let sent = 0;
      const send = (msg_type: string, content: object): void => {
        sent += 1;
        const header = { msg_id: String(sent), session: 's', username: 'ada', msg_type, version: '5.3' };
        socket.send(JSON.stringify({ channel: 'shell', header, parent_header: {}, metadata: {}, content }));
      };
      const stateOfKernel = async (): Promise<string> => {
        const read = await fetch(`${base}/api/kernels/${id}?token=${token}`, { headers: { Cookie: cookie } });
        const { execution_state }: { execution_state: string } = await read.json();
        return execution_state;
      };
      // In a kernel's first moment Jupyter may miss what it says of itself, and then says "starting" until it is asked something.
      const stateWhenAsked = (): Promise<string> => {
        send('kernel_info_request', {});
        return stateOfKernel();
      };
      await expect.poll(stateWhenAsked, { timeout: 30_000, interval: 500 }).toBe('idle');
      const code = 'import time; time.sleep(60)';
      send('execute_request', { code, silent: false, store_history: false, user_expressions: {} });
      await expect.poll(stateOfKernel, { timeout: 15_000 }).toBe('busy');
      socket.close();
      expect(await ended(quiet.job)).toMatchObject({ status_reason: 'idle' });
      await delay(4_000);
      expect(await ada.client.jobs.get(busy.job.id)).toMatchObject({ status: 'running', datetime_idle_stop: null });
    } finally {
      clearInterval(asking);
    }
    await ada.client.jobs.stop(busy.job.id);
  });
});

describe('a session that breaks', () => {
  test('while it starts: says in job and event how far it came, why, and its last output; files are kept', async () => {
    const { event_id } = await ada.client.me();
    const { job, workspace } = await startJob(ada, {
      job_type: 'web_app',
      job_details: script('echo boom >&2; exit 3'),
    });
    const told = (await eventsOf(job, event_id)).at(-1);
    const failed = { status: 'failed', phase: 'starting', status_reason: 'exit_code', exit_code: 3 };
    expect(told && 'job' in told && told.job).toMatchObject(failed);
    const read = await ada.client.jobs.get(job.id);
    expect(read).toMatchObject({ ...failed, status_message: 'It ended with exit code 3.' });
    expect(read.last_log_lines.join('\n')).toContain('boom');
    await access(join(server.dataDirectory, 'workspaces', 'ada', String(workspace.id)));
  });

  test('by a start that ends well: the job is complete, and says that its session was never ready, with its last output', async () => {
    const { event_id } = await ada.client.me();
    const { job } = await startJob(ada, {
      job_type: 'web_app',
      job_details: script('echo license server not found, giving up; exit 0'),
    });
    const told = (await eventsOf(job, event_id)).at(-1);
    const unready = {
      status: 'complete',
      status_reason: 'finished',
      status_message: 'It finished before its session was ready.',
      last_log_lines: ['license server not found, giving up'],
    };
    expect(told && 'job' in told && told.job).toMatchObject(unready);
    expect(await ada.client.jobs.get(job.id)).toMatchObject(unready);
  });

  test('by answering with an error: is stopped, and says which', async () => {
    const failing =
      "require('node:http').createServer((q, s) => s.writeHead(500).end()).listen(Number(process.env.PORT), process.env.HOST);";
    const { job } = await startJob(ada, { job_type: 'impatient' }, [{ name: 'app.cjs', content: failing }]);
    expect(await ended(job)).toMatchObject({
      status: 'failed',
      status_reason: 'start_timeout',
      status_message:
        'It was stopped because its session was not ready in time (it answered with status 500). Its files are kept.',
    });
  });

  test('by never being ready: is stopped, and its processes are gone', async () => {
    const { job, workspace } = await startJob(ada, {
      job_type: 'impatient',
      job_details: script('echo waiting; sleep 600'),
    });
    const failed = await ended(job);
    expect(failed).toMatchObject({ status: 'failed', phase: 'starting', status_reason: 'start_timeout' });
    expect(failed.last_log_lines).toEqual(['waiting']);
    const directory = join(server.dataDirectory, 'workspaces', 'ada', `${workspace.id}`, `.${job.id}`);
    await expect.poll(() => processesBelow(directory)).toEqual([]);
  });
});

describeWith(['chromium'], 'the page', () => {
  test('shows the warning, and why a start failed, with its last output', async () => {
    const browser = await startBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 480, height: 800 }, locale: 'en-GB' });
      await page.goto(/http:\S+#token=\S+/.exec(server.output())?.[0] ?? '');
      await startJob(ada, { job_type: 'web_app', job_details: script('echo out of luck >&2; exit 5') });
      const alert = page.getByRole('alert').filter({ hasText: 'exit code 5' });
      await alert.waitFor();
      expect(await alert.textContent()).toContain('It failed while its session was starting.');
      const row = page.getByRole('listitem').filter({ has: alert }).last();
      await row.getByText('Its last output').click();
      await row.locator('pre', { hasText: 'out of luck' }).waitFor();
      const talkative = script(
        `for each in $(seq 40); do echo line $each; done; printf '%0300d' 0; echo the reason; exit 6`,
      );
      await startJob(ada, { job_type: 'web_app', job_details: talkative });
      const long = page
        .getByRole('listitem')
        .filter({ has: page.getByText('exit code 6') })
        .last();
      await long.getByText('the reason').first().click();
      expect(
        await long.locator('pre').evaluate((pre) => pre.scrollTop + pre.clientHeight - pre.scrollHeight),
      ).toBeCloseTo(0, -1);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      await startJob(ada, { job_type: 'web_app', job_details: script('echo nothing to serve; exit 0') });
      const unready = page.getByRole('status').filter({ hasText: 'It finished before its session was ready.' });
      await unready.first().waitFor();
      const ending = page.getByRole('listitem').filter({ hasText: 'nothing to serve' }).last();
      await ending.getByText('Its last output').click();
      await ending.locator('pre', { hasText: 'nothing to serve' }).waitFor();
      await startSession(ada, { job_type: 'terminal' });
      await page.getByText('Nobody has used it for a while.').waitFor({ timeout: 20_000 });
    } finally {
      await browser.close();
    }
  });
});
