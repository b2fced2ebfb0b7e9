import type { Survey } from '@user-workspaces/contract';
import { afterEach, expect, test } from 'vitest';
import { Surveys } from '../../src/services/surveys.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

test('workspaces are watched from when a job runs in them, and not for jobs that wait', async () => {
  fixture = await startFixture();
  const { context, database, storage } = fixture;
  const { id: _, ...first } = fixture.workspace;
  const [second, third, fourth] = await database.transaction(async (rows) => [
    await rows.insert('workspaces', { ...first, status: 'active', location: '/second' }),
    await rows.insert('workspaces', { ...first, status: 'active', location: '/third' }),
    await rows.insert('workspaces', { ...first, status: 'active', location: '/fourth' }),
  ]);
  const watched: string[] = [];
  Object.assign(storage, { watch: ({ location }: { location: string }) => watched.push(location) });
  const waiting = await fixture.addJob({ workspace_id: second?.id ?? 0, launch_begun: true });
  await fixture.addJob({ workspace_id: third?.id ?? 0, launch_begun: true, status: 'running' });
  const other = await fixture.addJob({ workspace_id: fourth?.id ?? 0, launch_begun: true });
  const surveys = new Surveys(context);
  try {
    await surveys.start();
    expect(watched).toEqual(['/third']);
    const change = context.journal.transaction.bind(context.journal);
    const still = await change((transaction) => transaction.changeJob(waiting, { queue_reason: 'It waits.' }));
    await change((transaction) => transaction.changeJob(other, { status: 'running' }));
    await expect.poll(() => watched).toEqual(['/third', '/fourth']);
    await change((transaction) => transaction.changeJob(still, { status: 'running' }));
    await expect.poll(() => watched).toEqual(['/third', '/fourth', '/second']);
  } finally {
    await surveys.close();
  }
});

test('a large workspace whose files keep changing is written seldom: what was found meanwhile, and the last state always', async () => {
  let nowMs = 0;
  let sleepers: { untilMs: number; wake: () => void }[] = [];
  const advance = async (ms: number): Promise<void> => {
    nowMs += ms;
    for (const { wake } of sleepers.filter(({ untilMs }) => untilMs <= nowMs)) wake();
    sleepers = sleepers.filter(({ untilMs }) => untilMs > nowMs);
  };
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      sleepers.push({ untilMs: nowMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  fixture = await startFixture({ clock: { elapsed: () => nowMs, sleep } });
  const { context, database, storage, workspace } = fixture;
  let changed: (survey: Survey) => void = () => undefined;
  Object.assign(storage, {
    watch: (_: unknown, listener: typeof changed) => {
      changed = listener;
    },
  });
  const written = async (): Promise<number[]> =>
    (await database.find('events', { where: { subject_id: workspace.id } }))
      .slice(1)
      .map(({ payload }) => JSON.parse(payload).workspace.disk_space);
  const find = (diskSpaceBytes: number): void => changed({ diskSpaceBytes, files, symlinks: [] });
  // An event of 100 kB, for 10 seconds.
  const files = Array.from({ length: 1_000 }, (_, n) => `/${'x'.repeat(85)}${n}`);
  const surveys = new Surveys(context);
  surveys.follow(workspace);
  find(1);
  await expect.poll(written).toEqual([1]);
  await expect.poll(() => sleepers.length).toBe(0);
  for (const bytes of [2, 3, 4]) {
    find(bytes);
    await advance(2_000);
  }
  expect(await written()).toEqual([1]);
  await advance(6_000);
  await expect.poll(written).toEqual([1, 4]);
  // After a rest it is written at once.
  await advance(20_000);
  find(5);
  await expect.poll(written).toEqual([1, 4, 5]);
  find(6);
  find(7);
  await surveys.close();
  expect(await written()).toEqual([1, 4, 5, 7]);
});
