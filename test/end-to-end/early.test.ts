// A workspace is seen, by its event, before its files are in place: what its user does then is neither lost nor harmful.
import type { Workspace } from '@user-workspaces/client';
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

/** Many small files, so that there is time before they are in place. */
const files = Array.from({ length: 400 }, (_, index) => ({ name: `part-${index}.txt`, content: `${index}` }));

/** Creates a workspace and does something with it as soon as it is heard of. */
async function createAnd(
  act: (workspace: Workspace) => Promise<unknown>,
): Promise<{ created: PromiseSettledResult<Workspace>; acted: PromiseSettledResult<unknown>; early: Workspace }> {
  let creating: Promise<Workspace> | undefined;
  for await (const event of ada.client.events.stream()) {
    creating ??= ada.client.workspaces.create(
      { name: 'Early', description: '', workspace_details: { files } },
      { retries: 0 },
    );
    // Whatever becomes of it is looked at below.
    creating.catch(() => undefined);
    if (event.type !== 'workspace.changed') continue;
    expect(event.workspace.status).toBe('initializing');
    const [acted, created] = await Promise.allSettled([act(event.workspace), creating]);
    return { acted, created, early: event.workspace };
  }
  throw new Error('The stream of events ended.');
}

test('a job started in it waits for its files, and the workspace is active', async () => {
  let jobId = 0;
  const { created, acted } = await createAnd(async (workspace) => {
    jobId = (await ada.client.workspaces.start(workspace.id, { job_type: 'terminal' })).id;
  });
  expect([created, acted]).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
  const session = await ada.client.jobs.waitUntilReady(jobId, { timeoutMs: 20_000 });
  const workspace = await ada.client.workspaces.get(session.job.workspace_id);
  expect(workspace.status).toBe('active');
  expect((await ada.client.files.list(workspace.id)).items.filter(({ kind }) => kind === 'file')).toHaveLength(
    files.length,
  );
  await ada.client.jobs.stop(jobId);
  await ada.client.jobs.waitUntilEnded(jobId);
  expect((await ada.client.workspaces.get(workspace.id)).status).toBe('idle');
});

test('a new name stays; files have to wait, and that is said', async () => {
  let refusal: unknown;
  const { created, acted, early } = await createAnd(async (workspace) => {
    const writing = ada.client.files.write(workspace.id, 'mine.txt', 'mine').catch((error: unknown) => error);
    await ada.client.workspaces.update(workspace.id, { name: 'Renamed at once' });
    refusal = await writing;
  });
  expect([created, acted]).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
  expect(refusal).toMatchObject({
    code: 'conflict',
    status: 409,
    message: expect.stringContaining('still being made'),
  });
  expect(await ada.client.workspaces.get(early.id)).toMatchObject({ name: 'Renamed at once', status: 'idle' });
  await ada.client.files.write(early.id, 'mine.txt', 'mine');
  expect(await ada.client.files.readText(early.id, 'mine.txt')).toBe('mine');
  expect(await ada.client.files.readText(early.id, 'part-399.txt')).toBe('399');
});

test('deleted, it goes, and its creation says so', async () => {
  const { created, acted, early } = await createAnd((workspace) => ada.client.workspaces.delete(workspace.id));
  expect(acted).toMatchObject({ status: 'fulfilled' });
  expect(created).toMatchObject({ status: 'rejected', reason: { code: 'conflict', status: 409 } });
  await expect
    .poll(async () => (await ada.client.workspaces.list()).items.filter(({ id }) => id === early.id), {
      timeout: 10_000,
    })
    .toEqual([]);
});
