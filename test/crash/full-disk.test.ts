// Fills the disk under the records of jobs while they begin, run and end: nothing is forgotten, and nothing runs twice.
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import { unlessMissing } from '@user-workspaces/launch';
import { createLocalResource } from '@user-workspaces/resource-local';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeUnless } from '../support/requirements.js';
import { removeDirectory, temporaryDirectory } from '../support/server.js';
import { endLeftProcesses, namesIn, until } from './invariants.js';
import { missingMount, mountSmallDisk, type SmallDisk } from './storm/small-disk.js';

const account = { name: 'ada', uid: 1_900_000_000, gid: 1_900_000_000 };

describeUnless(missingMount(), 'while the disk under the records of jobs is full', () => {
  let root: string;
  let disk: SmallDisk;
  let resource: Resource;
  beforeEach(async () => {
    root = await temporaryDirectory();
    await chmod(root, 0o777);
    disk = await mountSmallDisk(join(root, 'data'), 2);
    resource = await createLocalResource({ name: 'here', recordsDirectory: join(root, 'data', 'launches') });
  });
  afterEach(async () => {
    await disk.free();
    await resource.close();
    await endLeftProcesses({ data: join(root, 'data') });
    await disk.remove();
    await removeDirectory(root);
  });

  function specification(script: string): LaunchSpecification {
    return {
      launchKey: randomBytes(16).toString('hex'),
      jobId: 1,
      account,
      workspacePath: root,
      command: ['sh', '-c', `echo started >> ${join(root, 'starts')}; ${script}`],
      files: [],
      environment: {},
      limits: {},
      options: {},
    };
  }

  function observed(job: LaunchSpecification, kind: Observation['kind']): Promise<Observation> {
    return until(
      kind,
      async () => {
        const found = (await resource.observe([{ ...job, handle: null }])).get(job.launchKey);
        return found?.kind === kind ? found : undefined;
      },
      30_000,
    );
  }

  const starts = async (): Promise<number> =>
    ((await unlessMissing(readFile(join(root, 'starts'), 'utf8'))) ?? '').split('\n').length - 1;

  test('a job that ends keeps its true exit code', async () => {
    const job = specification('sleep 0.5; exit 7');
    await resource.launch(job);
    await observed(job, 'running');
    await disk.fill();
    await delay(2_000);
    await disk.free();
    expect(await observed(job, 'ended')).toMatchObject({ exitCode: 7, signal: null, cause: 'exited' });
    expect(await starts()).toBe(1);
  });

  test('a job that cannot be recorded is not begun, and begins once when there is space', async () => {
    const job = specification('exit 7');
    await disk.fill();
    await expect(resource.launch(job)).rejects.toMatchObject({ kind: 'unavailable' });
    await disk.free();
    await Promise.all([resource.launch(job), resource.launch(job)]);
    expect(await observed(job, 'ended')).toMatchObject({ exitCode: 7, cause: 'exited' });
    expect(await starts()).toBe(1);
  });

  test('a job whose disk becomes full as it begins is started once, and can be stopped', async () => {
    const job = specification('sleep 60');
    const reference = { ...job, handle: null };
    // Enough for the record, not for what its supervisor adds to it.
    await disk.fill(7 * 4096);
    await resource.launch(job).catch((error: unknown) => expect(error).toMatchObject({ kind: 'unavailable' }));
    await disk.fill();
    await delay(1_000);
    await disk.free();
    await resource.launch(job);
    await until('its first line', async () => ((await namesIn(root)).includes('starts') ? true : undefined));
    await until('the end', async () => {
      await resource.stop(reference, 0);
      const found = (await resource.observe([reference])).get(job.launchKey);
      return found?.kind === 'ended' ? true : undefined;
    });
    expect(await starts()).toBe(1);
  });

  test('however little space is left, a job runs once and keeps its end, or says why it could not begin', async () => {
    const workspacePath = join(root, 'data', 'workspace');
    await mkdir(workspacePath);
    await chown(workspacePath, account.uid, account.gid);
    const kinds = new Set<string>();
    for (const pages of [7, 9, 11, 14]) {
      const file = { name: 'settings', content: 'x', mode: 0o600 };
      const job = { ...specification('exit 7'), jobId: pages, workspacePath, files: [file] };
      const before = await starts();
      await disk.fill(pages * 4096);
      const launched = resource.launch(job).catch((error: unknown) => {
        expect(error).toMatchObject({ kind: 'unavailable' });
        return undefined;
      });
      await delay(300);
      await disk.free();
      if (!(await launched)) await resource.launch(job);
      const end = await observed(job, 'ended');
      if (end.kind !== 'ended') throw new Error('The job has not ended.');
      kinds.add(end.cause);
      if (end.cause === 'launch_failed')
        expect(end.reason, `with ${pages} pages`).toContain('disk of the workspace may be full');
      else expect(end, `with ${pages} pages`).toMatchObject({ exitCode: 7, signal: null, cause: 'exited' });
      expect((await starts()) - before).toBe(end.cause === 'launch_failed' ? 0 : 1);
    }
    expect([...kinds].sort()).toEqual(['exited', 'launch_failed']);
  });
});
