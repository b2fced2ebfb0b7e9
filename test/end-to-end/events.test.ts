// Every change is told once and in order, whatever happens to the connection.
import { setTimeout as delay } from 'node:timers/promises';
import { type Event, type Job, UserWorkspaces, type Workspace } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type BreakingLink, openBreakingLink } from '../support/breaking-link.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';

let server: RunningServer;
let link: BreakingLink;
let ada: User;
let bob: User;

beforeAll(async () => {
  server = await startServer();
  link = await openBreakingLink(server.port);
  [ada, bob] = await Promise.all([signIn(server, 'ada'), signIn(server, 'bob')]);
});

afterAll(async () => {
  link.close();
  expect(await putAway(server, [ada, bob])).toEqual([]);
});

/** Reads a user's events over the link until told to stop. */
function listen(user: User, lastEventId: number): { readonly events: Event[]; stop(): Promise<void> } {
  const events: Event[] = [];
  const stop = new AbortController();
  const reading = (async () => {
    const client = new UserWorkspaces({ baseUrl: link.baseUrl, token: user.token });
    for await (const event of client.events.stream({ lastEventId, signal: stop.signal })) events.push(event);
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    events,
    async stop() {
      stop.abort();
      await reading;
    },
  };
}

/** What somebody has who believes the events alone. */
function believe(events: readonly Event[]) {
  const workspaces = new Map<number, Workspace>();
  const jobs = new Map<number, Job>();
  const versions: string[] = [];
  const newer = (kind: string, before: { version: number } | undefined, now: { id: number; version: number }): void => {
    if (before && before.version >= now.version)
      versions.push(`${kind} ${now.id}: ${before.version} then ${now.version}`);
  };
  for (const event of events) {
    if (event.type === 'workspace.changed') {
      newer('workspace', workspaces.get(event.workspace.id), event.workspace);
      workspaces.set(event.workspace.id, event.workspace);
    }
    if (event.type === 'workspace.deleted') workspaces.delete(event.workspace_id);
    if (event.type === 'job.changed') {
      newer('job', jobs.get(event.job.id), event.job);
      jobs.set(event.job.id, event.job);
    }
  }
  return { workspaces, jobs, backwards: versions };
}

async function live(user: User, round: number): Promise<void> {
  const { client } = user;
  const { workspace, job } = await startJob(user, { job_type: 'local_test_job' }, [
    { name: 'a.txt', content: `${round}` },
  ]);
  await client.workspaces.update(workspace.id, { name: `Round ${round}` });
  const session = await startJob(user, { job_type: 'terminal' });
  await client.files.write(workspace.id, 'b.txt', 'b');
  await client.jobs.waitUntilReady(session.job.id);
  await client.jobs.stop(session.job.id);
  await client.jobs.waitUntilEnded(session.job.id);
  await client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 });
  await client.workspaces.delete(session.workspace.id);
}

describe('two users’ event streams over a network that breaks, and a server that is killed', () => {
  test('tell every change once and in order, and each user’s own alone', { timeout: 90_000 }, async () => {
    const marks = await Promise.all([ada, bob].map(async ({ client }) => (await client.me()).event_id));
    const listening = [ada, bob].map((user, index) => ({
      user,
      mark: marks[index] ?? 0,
      ...listen(user, marks[index] ?? 0),
    }));
    let isLiving = true;
    const cutting = (async () => {
      while (isLiving) {
        await delay(150 + Math.random() * 400);
        link.cut();
      }
    })();
    await Promise.all([live(ada, 1), live(bob, 1)]);

    // The server itself is killed while jobs start.
    const { port, dataDirectory } = server;
    const started = await Promise.all([
      startJob(ada, { job_type: 'terminal' }),
      startJob(bob, { job_type: 'terminal' }),
    ]);
    await server.stop('SIGKILL');
    server = await startServer({ port, dataDirectory });
    await Promise.all([ada, bob].map(({ client }, index) => client.jobs.waitUntilReady(started[index]?.job.id ?? 0)));

    const original = await ada.client.workspaces.create({
      name: 'Shared',
      description: '',
      workspace_details: { files: [{ name: 'shared.txt', content: 'for bob' }] },
    });
    const bobId = (await bob.client.me()).id;
    const [share] = await ada.client.shares.create({ original_workspace_id: original.id, shared_user_ids: [bobId] });
    const copyId = share?.shared_workspace_id.id ?? 0;
    await expect.poll(async () => (await bob.client.shares.list()).items.length, { timeout: 10_000 }).toBe(1);
    await bob.client.shares.accept(copyId);
    await expect.poll(async () => (await bob.client.workspaces.get(copyId)).status, { timeout: 10_000 }).toBe('idle');
    expect(await bob.client.files.readText(copyId, 'shared.txt')).toBe('for bob');
    isLiving = false;
    await cutting;

    for (const { user, mark, events, stop } of listening) {
      const last = async () => (await user.client.me()).event_id;
      await expect.poll(async () => (events.at(-1)?.id ?? 0) - (await last()), { timeout: 20_000 }).toBe(0);
      await stop();
      // Numbered without a gap, and so neither lost nor repeated.
      expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => mark + 1 + index));
      expect(events.filter(({ type }) => type === 'reset' || type === 'hello')).toEqual([]);
      expect(events.length).toBeGreaterThan(20);

      const { workspaces, jobs, backwards } = believe(events);
      expect(backwards).toEqual([]);
      const listed = [...(await user.client.workspaces.list()).items];
      expect([...workspaces.values()].sort((a, b) => a.id - b.id)).toEqual(listed.sort((a, b) => a.id - b.id));
      const states = (list: Iterable<Job>) =>
        [...list].map(({ id, status, version }) => ({ id, status, version })).sort((a, b) => a.id - b.id);
      expect(states(jobs.values())).toEqual(states((await user.client.jobs.list()).items));
    }
    const types = listening.map(({ events }) => new Set(events.map(({ type }) => type)));
    for (const seen of types) {
      for (const type of ['workspace.changed', 'workspace.deleted', 'job.changed', 'share.changed'])
        expect(seen).toContain(type);
    }
    expect(link.connections).toBeGreaterThan(10);
  });

  test('give no ticket, which events would outlive', async () => {
    const { event_id: now } = await ada.client.me();
    const stop = new AbortController();
    const response = await ada.request('/events', { headers: { 'Last-Event-ID': '0' }, signal: stop.signal });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        if (text.includes(`id: ${now}.`)) break;
      }
    } finally {
      stop.abort();
    }
    expect(text).toContain('event: job.changed');
    expect(text).not.toContain('uws_ticket');
    expect(text).not.toContain('connection_details');
  });

  test('begin anew, and say so, for a number that was never given', async () => {
    for await (const event of ada.client.events.stream({ lastEventId: 1_000_000 })) {
      expect(event).toMatchObject({ type: 'reset', id: (await ada.client.me()).event_id });
      break;
    }
  });

  test('end when the token does', async () => {
    const guest = await signIn(server, 'ada');
    const ended = (async () => {
      for await (const event of guest.client.events.stream({})) {
        if (event.type === 'hello') void new UserWorkspaces({ baseUrl: server.baseUrl, token: guest.token }).signOut();
      }
    })();
    await expect(ended).rejects.toMatchObject({ code: 'invalid_token', status: 401 });
  });
});

describe('the old WebSocket of a job', () => {
  interface State {
    readonly status: string;
    readonly current_job_details: {
      readonly message?: string;
      readonly connection_details?: { readonly url_path: string };
    };
  }

  /** The messages of a job's WebSocket until the server ends it. */
  async function messages(
    jobId: number,
    headers: Record<string, string>,
    protocols: string[] = [],
  ): Promise<State[] | number> {
    const socket = new WebSocket(`${server.baseUrl.replace('http', 'ws')}/jobs/${jobId}/`, protocols, { headers });
    const states: State[] = [];
    return new Promise((resolve, reject) => {
      socket.on('message', (data) => states.push(JSON.parse(String(data))));
      socket.on('close', () => resolve(states));
      socket.on('unexpected-response', (request, response) => {
        request.destroy();
        resolve(response.statusCode ?? 0);
      });
      socket.on('error', reject);
    });
  }

  test('tells the present state and each change to the job’s owner, and ends with the job', async () => {
    const { job, session } = await startSession(ada, { job_type: 'terminal' });
    expect(session.url).toContain('uws_ticket');
    const asOwner = messages(job.id, { 'UWS-Authorization': `Token ${ada.token}` });
    const asBrowser = messages(job.id, {}, ['uws', `uws.token.${ada.token}`]);
    await delay(300);
    await ada.client.jobs.stop(job.id);
    for (const states of [await asOwner, await asBrowser]) {
      if (typeof states === 'number') throw new Error(`The WebSocket was refused with ${states}.`);
      expect(states.map(({ status }) => status)).toEqual(['running', 'stopping', 'complete']);
      expect(states[0]?.current_job_details).toMatchObject({
        message: 'Webserver ready.',
        connection_details: { url_path: expect.stringContaining('uws_ticket=') },
      });
    }
  });

  test('is refused to everybody else', async () => {
    const { job } = await startJob(ada, { job_type: 'local_test_job' });
    expect(await messages(job.id, {})).toBe(401);
    expect(await messages(job.id, { 'UWS-Authorization': `Token ${bob.token}` })).toBe(404);
    expect(await messages(999_999, { 'UWS-Authorization': `Token ${ada.token}` })).toBe(404);
  });
});
