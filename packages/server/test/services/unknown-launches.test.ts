import { AdapterError, type LaunchReference, type Observation, type Resource } from '@user-workspaces/contract';
import { administrationOperations } from '@user-workspaces/schema/administration';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Fixture, startFixture } from '../files/fixture.js';

const startedAtMs = Date.UTC(2026, 10, 23, 9, 6, 47);

/** Stands for a resource that runs launches, some for no job: each ends so many stops after the first. */
class Launches {
  readonly stopsUntilEnd = new Map<string, number>();
  readonly calls: string[] = [];

  resource(): Resource {
    const observation = (key: string): Observation => {
      const left = this.stopsUntilEnd.get(key);
      const found = { handle: key, resourceJobId: 4711, startedAtMs, coreHours: 0 };
      if (left === undefined) return { kind: 'absent' };
      if (left > 0) return { ...found, kind: 'running', endsAtMs: null };
      return { ...found, kind: 'ended', endedAtMs: startedAtMs, exitCode: null, signal: 'SIGTERM', cause: 'stopped' };
    };
    return {
      name: 'here',
      launchKeys: async () => [...this.stopsUntilEnd.keys()],
      observe: async (asked: readonly LaunchReference[]) =>
        new Map(asked.map(({ launchKey }) => [launchKey, observation(launchKey)])),
      stop: async ({ launchKey }: LaunchReference, graceMs: number) => {
        this.calls.push(`stop ${launchKey} ${graceMs}`);
        this.stopsUntilEnd.set(launchKey, (this.stopsUntilEnd.get(launchKey) ?? 0) - 1);
      },
      forget: async ({ launchKey }: LaunchReference) => {
        this.calls.push(`forget ${launchKey}`);
        this.stopsUntilEnd.delete(launchKey);
      },
    } as unknown as Resource;
  }
}

let fixture: Fixture;
let launches: Launches;
/** Added to the time that has passed at each look, so that a launch that does not end is given up soon. */
let skippedMs = 0;

beforeEach(async () => {
  launches = new Launches();
  skippedMs = 0;
  let elapsedMs = 0;
  const elapsed = (): number => {
    elapsedMs += skippedMs;
    return elapsedMs;
  };
  fixture = await startFixture({ resource: launches.resource(), clock: { elapsed, sleep: async () => undefined } });
  await fixture.database.transaction((rows) =>
    rows.update('users', { id: fixture.user.id }, { role: 'administrator' }),
  );
});
afterEach(() => fixture.close());

async function call(path: string, method = 'GET') {
  const response = await fixture.call(path, { method });
  const answer: { data?: { launches?: unknown[]; entries?: unknown[] }; message: string; error?: { code: string } } =
    await response.json();
  return { status: response.status, retryAfter: response.headers.get('retry-after'), answer };
}

const list = async () => (await call(administrationOperations.adminListLaunches.path)).answer.data?.launches;
const end = (key: string) => call(`/admin/launches/${key}/`, 'DELETE');
const told = async () => (await call('/admin/audit/?action=launch.end')).answer.data?.entries;

it('launches that no job knows are listed, ended and forgotten; those of jobs are not', async () => {
  await fixture.addJob({ launch_key: 'of-a-job', status: 'running', launch_begun: true });
  launches.stopsUntilEnd.set('of-a-job', 1).set('running', 2).set('over', 0);
  const running = { launch_key: 'running', state: 'running', datetime_started: '2026-11-23T09:06:47.000Z' };
  const over = { ...running, launch_key: 'over', state: 'ended' };
  const listed = [running, over].map((launch) => ({ ...launch, resource: 'here', resource_job_id: 4711 }));
  expect(await list()).toMatchObject(listed);

  for (const key of ['of-a-job', 'nowhere']) {
    expect(await end(key)).toMatchObject({ status: 404, answer: { error: { code: 'not_found' } } });
  }
  expect(launches.calls).toEqual([]);
  expect(await end('running')).toMatchObject({ status: 200, answer: { message: 'Launch ended and removed.' } });
  expect(launches.calls).toEqual(['stop running 1000', 'stop running 1000', 'forget running']);
  expect((await end('running')).status).toBe(404);
  expect((await end('over')).status).toBe(200);
  expect(await list()).toEqual([]);
  expect([...launches.stopsUntilEnd.keys()]).toEqual(['of-a-job']);
  expect(await told()).toMatchObject([
    { actor: { name: 'alice' }, subject_kind: null, details: { launch_key: 'over', resource: 'here' } },
    { actor: { name: 'alice' }, subject_kind: null, details: { launch_key: 'running', resource: 'here' } },
  ]);
});

it('one that does not end in time is kept and told, and ended when it is asked for again', async () => {
  launches.stopsUntilEnd.set('stubborn', 5);
  skippedMs = 15_000;
  expect(await end('stubborn')).toMatchObject({
    status: 503,
    retryAfter: '5',
    answer: { error: { code: 'unavailable' }, message: 'The launch stubborn has not ended. Try again.' },
  });
  expect(await list()).toMatchObject([{ launch_key: 'stubborn', state: 'running' }]);
  skippedMs = 0;
  expect((await end('stubborn')).status).toBe(200);
  expect(await list()).toEqual([]);
});

it('one is ended though another resource cannot be asked, which may have the others', async () => {
  const launchKeys = () => Promise.reject(new AdapterError('unavailable', 'The engine does not answer.'));
  const away = { name: 'away', launchKeys } as unknown as Resource;
  const resources = new Map([['away', { resource: away, parameterMapping: {} }], ...fixture.context.resources]);
  Object.assign(fixture.context, { resources });
  launches.stopsUntilEnd.set('running', 1);
  expect((await end('running')).status).toBe(200);
  expect([...launches.stopsUntilEnd.keys()]).toEqual([]);
  for (const ask of [end('elsewhere'), call(administrationOperations.adminListLaunches.path)]) {
    expect(await ask).toMatchObject({ status: 503, answer: { message: 'The engine does not answer.' } });
  }
});
