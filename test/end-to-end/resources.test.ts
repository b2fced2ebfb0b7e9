// Where jobs run and how busy it is there, as who is signed in sees it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';

let server: RunningServer;
let ada: User;
beforeAll(async () => {
  server = await startServer();
  ada = await signIn(server);
});
afterAll(async () => {
  expect(await putAway(server, [ada])).toEqual([]);
});

test('a resource is listed with its job types, the options it heeds, its health, load and jobs', async () => {
  const [before, ...others] = await ada.client.catalogue.resources();
  expect(others).toEqual([]);
  expect(before).toMatchObject({
    kind: 'local',
    can_extend: true,
    health: { connected: true },
    jobs: { pending: 0, running: 0 },
    load: { running_jobs: null, queued_jobs: null, gpus: null },
  });
  const jobTypes = Object.keys(await ada.client.catalogue.jobTypes());
  expect(before?.job_types).toEqual(jobTypes);
  const all = await ada.client.catalogue.parameters();
  // It gives out no GPUs.
  expect(before?.options.map(({ variable_name }) => variable_name).sort()).toEqual(
    all
      .map(({ variable_name }) => variable_name)
      .filter((name) => name !== 'gpu_enabled')
      .sort(),
  );
  expect(all.map(({ variable_name }) => variable_name)).toContain('gpu_enabled');
  for (const option of before?.options ?? []) expect(all).toContainEqual(option);
  for (const capacity of [before?.load?.cpus, before?.load?.memory_mb]) {
    expect(capacity?.total).toBeGreaterThan(0);
    expect(capacity?.free).toBeGreaterThanOrEqual(0);
    expect(capacity?.free).toBeLessThanOrEqual(capacity?.total ?? 0);
  }

  const workspace = await ada.client.workspaces.create({ name: 'Work', description: '' });
  const job = await ada.client.workspaces.start(workspace.id, { job_type: 'terminal' });
  await ada.client.jobs.waitUntilReady(job.id);
  // The answer may be a few seconds old.
  await expect
    .poll(async () => (await ada.client.catalogue.resources())[0]?.jobs, { timeout: 20_000 })
    .toEqual({ pending: 0, running: 1 });
});

test('who is not signed in learns nothing', async () => {
  expect((await fetch(`${server.baseUrl}/resources/`)).status).toBe(401);
});
