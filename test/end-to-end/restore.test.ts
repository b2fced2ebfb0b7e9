// A backup is put back as docs/operation.md says, while what was done since is on the disk and at work.
import { execFile } from 'node:child_process';
import { cp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { administration } from '@user-workspaces/client/admin';
import { schemas } from '@user-workspaces/schema';
import { expect, onTestFinished, test } from 'vitest';
import { writeTestConfiguration } from '../support/configuration.js';
import { launchKeys, putAway } from '../support/put-away.js';
import { processesBelow, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob } from '../support/users.js';

const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));

test('after a restored backup nobody gets what somebody else had, and what still runs is seen and ended', async () => {
  const root = await temporaryDirectory();
  const dataDirectory = join(root, 'data');
  const workspaces = join(dataDirectory, 'workspaces');
  const env = { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1' };
  let server = await startServer({ dataDirectory, env });
  onTestFinished(async () => {
    await putAway(server, []);
  });
  const before = await signIn(server, 'ada');
  await before.client.workspaces.create({ name: 'kept', description: '' });
  await server.stop();
  await cp(join(dataDirectory, 'server'), join(root, 'backup'), { recursive: true });

  server = await startServer({ dataDirectory, env });
  const bob = await signIn(server, 'bob');
  const command = ['/bin/sh', '-c', 'sleep 600; echo done'];
  const start = () => startJob(bob, { job_type: 'web_app', job_details: { command } });
  const [{ workspace, job }, second] = [await start(), await start()];
  for (const { id } of [job, second.job]) {
    await expect.poll(async () => (await bob.client.jobs.get(id)).status, { timeout: 20_000 }).toBe('running');
  }
  const bobs = join(workspaces, 'bob', String(workspace.id));
  await server.stop();
  await rm(join(dataDirectory, 'server'), { recursive: true });
  await cp(join(root, 'backup'), join(dataDirectory, 'server'), { recursive: true });

  server = await startServer({ dataDirectory, env });
  const carl = await signIn(server, 'carl');
  const made = await carl.client.workspaces.create({ name: 'new', description: '' });
  expect(made.id).toBeGreaterThan(second.workspace.id);
  if (process.getuid?.() === 0) {
    const carls = await stat(join(workspaces, 'carl', String(made.id)));
    expect(carls.uid).not.toBe((await stat(bobs)).uid);
  }
  // Whoever comes back is new, and finds nothing of before in a new workspace.
  const again = await (await signIn(server, 'bob')).client.workspaces.create({ name: 'again', description: '' });
  expect(await readdir(join(workspaces, 'bob', String(again.id)))).toEqual([]);
  expect((await readdir(bobs)).length).toBeGreaterThan(0);

  const keys = (await launchKeys(dataDirectory)).sort();
  expect(server.output()).toContain('launches run that no job of this database knows');
  await expect
    .poll(async () => JSON.stringify((await (await fetch(`${server.baseUrl}/status/`)).json()).dependencies.resources))
    .toContain('2 of its launches run on that no job knows');
  const admin = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [uws, 'admin', ...args, '--data-dir', dataDirectory],
      {
        env: { ...process.env, ...env, UWS_ALLOW_SHARED_ACCOUNT: 'true' },
      },
    );
    return stdout;
  };
  const byKey = (one: { launch_key: string }, other: { launch_key: string }) =>
    one.launch_key < other.launch_key ? -1 : 1;
  const { launches } = schemas.UnknownLaunchesAnswer.shape.data.parse(
    JSON.parse(await admin('launches', 'list', '--json')),
  );
  expect(launches.sort(byKey)).toMatchObject(keys.map((launch_key) => ({ launch_key, state: 'running' })));
  await admin('users', 'set-role', 'carl', 'administrator');
  const byHttp = administration(carl.client);
  expect((await byHttp.launches()).sort(byKey)).toEqual(launches);
  const [atTerminal = '', overHttp = ''] = keys;
  await expect(byHttp.endLaunch('0'.repeat(32))).rejects.toMatchObject({ status: 404, code: 'not_found' });
  expect(JSON.parse(await admin('launches', 'end', atTerminal, '--json'))).toEqual({ ended: [atTerminal] });
  await byHttp.endLaunch(overHttp);
  expect(await byHttp.launches()).toEqual([]);
  expect(await launchKeys(dataDirectory)).toEqual([]);
  for (const { id } of [workspace, second.workspace]) {
    expect(await processesBelow(join(workspaces, 'bob', String(id)))).toEqual([]);
  }
  const ended = (await byHttp.audit({ action: 'launch.end', order: 'id' })).items;
  expect(ended.map(({ actor, details }) => [actor.kind, details.launch_key])).toEqual([
    ['terminal', atTerminal],
    ['user', overHttp],
  ]);
});
