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
    surveys.close();
  }
});
