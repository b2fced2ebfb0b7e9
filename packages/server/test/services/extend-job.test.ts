import type { Resource } from '@user-workspaces/contract';
import { afterEach, expect, it } from 'vitest';
import { type Fixture, startFixture } from '../files/fixture.js';

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
