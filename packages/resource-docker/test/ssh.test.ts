import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { AdapterError, type Resource } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busyboxImage, DockerEngine, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { missingForSsh, SshServer } from '../../../test/backends/ssh-server.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { createDockerResource } from '../src/index.js';
import { ended, outputOf, until } from './jobs.js';
import { account, makeWorkspace } from './world.js';

const missing = [whatEngineNeeds(), missingForSsh()].filter((sentence) => sentence !== '').join('; ');

describeUnless(missing, 'an engine that is reached by ssh', () => {
  let engine: DockerEngine;
  let machine: SshServer;
  let workspacePath: string;
  const made: Resource[] = [];

  beforeAll(async () => {
    [engine, machine] = await Promise.all([DockerEngine.start(), SshServer.start()]);
    workspacePath = await makeWorkspace();
  });

  afterAll(async () => {
    for (const resource of made) await resource.close();
    await until(async () => ((await machine.sessions()).length === 0 ? true : undefined));
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('uws-ssh-'))).toEqual([]);
    await machine.stop();
    await engine.stop();
    await rm(workspacePath, { recursive: true });
  });

  function reach(sshConfig: string): Resource {
    const resource = createDockerResource({
      name: 'docker',
      address: { url: `ssh://machine${engine.socket}`, sshConfig },
      defaults: { image: busyboxImage },
    });
    made.push(resource);
    return resource;
  }

  test('a job is launched, followed over a break of the connection, told of, and removed', async () => {
    const resource = reach(machine.configuration());
    expect(await resource.check()).toMatchObject({ connected: true });
    const told: string[] = [];
    resource.watch((keys) => told.push(...keys), new AbortController().signal);
    const specification = specificationOf(
      { account, workspacePath },
      'echo one; while [ ! -e go ]; do sleep 0.1; done; echo two',
    );
    await resource.launch(specification);
    let text = '';
    const follow = async (): Promise<true> => {
      const range = { fromByte: Buffer.byteLength(text), follow: true };
      for await (const { content } of resource.logs(referenceTo(specification), range)) {
        text += Buffer.from(content).toString();
      }
      return true;
    };
    // Where the connection breaks it may be told so, and goes on from there.
    const following = until(() =>
      follow().catch((error: unknown) => {
        if (AdapterError.is(error, 'unavailable')) return undefined;
        throw error;
      }),
    );
    await until(async () => text.includes('one') || undefined);
    await machine.breakConnections();
    await until(async () => (await observe(resource, specification)).kind === 'running' || undefined);
    await resource.launch(specification); // Not a second time.
    const finish = specificationOf({ account, workspacePath }, 'echo > go');
    await resource.launch(finish);
    expect(await ended(resource, specification)).toMatchObject({ exitCode: 0 });
    await following;
    expect(text).toBe('one\ntwo\n');
    expect(await outputOf(resource, specification)).toBe('one\ntwo\n');
    await until(async () => told.includes(specification.launchKey) || undefined);
    await ended(resource, finish);
    for (const each of [specification, finish]) await resource.forget(referenceTo(each));
    expect(await observe(resource, specification)).toEqual({ kind: 'absent' });
  });

  test('a machine whose key is not known is not spoken to', async () => {
    const resource = reach(machine.configuration({ trusted: false }));
    expect(await resource.check()).toMatchObject({
      connected: false,
      message: expect.stringMatching(/not reached by ssh: Host key verification failed/),
    });
    const specification = specificationOf({ account, workspacePath }, 'true');
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await observe(resource, specification)).kind).toBe('unknown');
  });
});
