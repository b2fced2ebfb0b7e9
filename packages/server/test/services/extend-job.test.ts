import { AdapterError, type Resource } from '@user-workspaces/contract';
import { afterEach, expect, it } from 'vitest';
import { type Fixture, startFixture, until } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

it('of two extensions at once the second sees the first, and neither holds the job longer than it takes', async () => {
  const extended: number[] = [];
  let isWorking = false;
  // Of a resource only what an extension asks of it.
  const resource = {
    name: 'farm',
    capabilities: {},
    async extend(_: unknown, minutes: number) {
      expect(isWorking).toBe(false);
      isWorking = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
      isWorking = false;
      extended.push(minutes);
      if (minutes === 300) throw new Error('The resource broke.');
    },
  } as unknown as Resource;
  const validation = { type: 'int', min: 1, max: 720 } as const;
  const name = 'time_limit_minutes';
  fixture = await startFixture({
    resource,
    parameters: [{ display_name: name, description: '', variable_name: name, default_value: 60, validation }],
  });
  const { database } = fixture;
  const startedAtMs = Date.now();
  const job = await fixture.addJob({
    resource: 'farm',
    status: 'running',
    launch_begun: true,
    due_at_ms: null,
    started_at_ms: startedAtMs,
    ends_at_ms: startedAtMs + 3_600_000,
    resource_options: { time_limit_minutes: 60 },
  });
  const extend = async (minutes: number): Promise<number> => {
    const body = JSON.stringify({ time_limit_minutes: minutes });
    return (await fixture.call(`/jobs/${job.id}/extend/`, { method: 'PUT', body })).status;
  };
  const statuses = await Promise.all([extend(720), extend(61), extend(500)]);
  const row = async () => database.findOne('jobs', { id: job.id });
  expect(await row()).toMatchObject({
    resource_options: { time_limit_minutes: extended.at(-1) },
    ends_at_ms: startedAtMs + (extended.at(-1) ?? 0) * 60_000,
    lease_owner: null,
    lease_until_ms: 0,
  });
  // Each is done or refused: never is the limit lowered.
  expect(extended).toEqual([...extended].sort((one, other) => one - other));
  expect(statuses.filter((status) => status === 200)).toHaveLength(extended.length);
  expect(statuses.filter((status) => status === 400)).toHaveLength(3 - extended.length);

  await database.transaction((rows) =>
    rows.update('jobs', { id: job.id }, { resource_options: { time_limit_minutes: 60 } }),
  );
  expect([await extend(300), await extend(400)]).toEqual([500, 200]);
});

it('of five extensions at once only those pass whose core hours fit, and one that fails gives its hours back', async () => {
  let isBroken = false;
  let working = 0;
  const resource = {
    name: 'farm',
    capabilities: {},
    async extend(_: unknown, _minutes: number, signal?: AbortSignal) {
      working += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      signal?.throwIfAborted();
      if (isBroken) throw new AdapterError('unavailable', 'The resource broke.');
    },
  } as unknown as Resource;
  const validation = { type: 'int', min: 1, max: 720 } as const;
  const name = 'time_limit_minutes';
  fixture = await startFixture({
    resource,
    quotas: { coreHours: 20 },
    parameters: [{ display_name: name, description: '', variable_name: name, default_value: 60, validation }],
  });
  const startedAtMs = Date.now();
  const jobs = await Promise.all(
    Array.from({ length: 5 }, () =>
      fixture.addJob({
        resource: 'farm',
        status: 'running',
        launch_begun: true,
        due_at_ms: null,
        started_at_ms: startedAtMs,
        ends_at_ms: startedAtMs + 3_600_000,
        resource_options: { time_limit_minutes: 60 },
      }),
    ),
  );
  const extend = (jobId: number, minutes: number, signal?: AbortSignal) =>
    fixture.call(`/jobs/${jobId}/extend/`, {
      method: 'PUT',
      body: JSON.stringify({ time_limit_minutes: minutes }),
      ...(signal && { signal }),
    });
  const used = async (): Promise<number> => {
    const answer = await (await fixture.call('/me/')).json();
    return answer.data.user.quotas.core_hours.used;
  };

  isBroken = true;
  expect((await extend(jobs[0]?.id ?? 0, 720)).status).toBe(503);
  expect(await used()).toBe(5);
  expect(await fixture.database.findOne('jobs', { id: jobs[0]?.id ?? 0 })).toMatchObject({
    resource_options: { time_limit_minutes: 60 },
  });

  isBroken = false;
  const statuses = await Promise.all(jobs.map(async ({ id }) => (await extend(id, 720)).status));
  expect(statuses.sort()).toEqual([200, 429, 429, 429, 429]);
  expect(await used()).toBe(16);

  // Who goes away meanwhile has extended the job all the same.
  const rows = await fixture.database.find('jobs', {});
  const short = rows.find(({ resource_options }) => resource_options.time_limit_minutes === 60);
  const before = working;
  const leaving = new AbortController();
  const left = extend(short?.id ?? 0, 120, leaving.signal).catch(() => undefined);
  await until(() => working > before);
  leaving.abort();
  await left;
  await until(async () => (await fixture.database.findOne('jobs', { id: short?.id ?? 0 }))?.lease_owner === null);
  expect(await fixture.database.findOne('jobs', { id: short?.id ?? 0 })).toMatchObject({
    resource_options: { time_limit_minutes: 120 },
    ends_at_ms: startedAtMs + 7_200_000,
  });
  expect(await used()).toBe(17);
});
