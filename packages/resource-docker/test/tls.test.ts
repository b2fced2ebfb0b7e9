import { rm } from 'node:fs/promises';
import type { Resource } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busyboxImage, DockerEngine, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { type Certificates, makeCertificates } from '../../../test/backends/engine-certificates.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { createDockerResource, type EngineAddress } from '../src/index.js';
import { ended, outputOf, until } from './jobs.js';
import { account, makeWorkspace } from './world.js';

describeUnless(whatEngineNeeds(), 'an engine that is reached by TCP with certificates', () => {
  const certificates = makeCertificates();
  let engine: DockerEngine;
  let workspacePath: string;
  const made: Resource[] = [];

  beforeAll(async () => {
    engine = await DockerEngine.start(certificates);
    workspacePath = await makeWorkspace();
  });

  afterAll(async () => {
    for (const resource of made) await resource.close();
    await engine.stop();
    await rm(workspacePath, { recursive: true });
  });

  function reach({ ca, client }: Certificates): Resource {
    const address: EngineAddress = { url: engine.tlsUrl, tls: { ca, ...client } };
    const resource = createDockerResource({ name: 'docker', address, defaults: { image: busyboxImage } });
    made.push(resource);
    return resource;
  }

  test('a job is launched, followed, told of, and removed', async () => {
    const resource = reach(certificates);
    expect(await resource.check()).toMatchObject({ connected: true });
    const told: string[] = [];
    resource.watch((keys) => told.push(...keys), new AbortController().signal);
    const specification = specificationOf({ account, workspacePath }, 'echo by TLS; exit 4');
    await resource.launch(specification);
    expect(await ended(resource, specification)).toMatchObject({ exitCode: 4 });
    expect(await outputOf(resource, specification)).toBe('by TLS\n');
    await until(async () => told.includes(specification.launchKey) || undefined);
    await resource.forget(referenceTo(specification));
    expect(await observe(resource, specification)).toEqual({ kind: 'absent' });
  });

  test.each([
    [
      "a client's certificate that the engine's authority has not signed",
      (other: Certificates) => ({ client: other.client }),
    ],
    ['an engine that another authority has signed', (other: Certificates) => ({ ca: other.ca })],
  ])('with %s nothing is done, and nothing is known', async (_what, wrong) => {
    const resource = reach({ ...certificates, ...wrong(makeCertificates()) });
    expect(await resource.check()).toMatchObject({ connected: false });
    const specification = specificationOf({ account, workspacePath }, 'echo ran > ran');
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await observe(resource, specification)).kind).toBe('unknown');
    expect(await observe(reach(certificates), specification)).toEqual({ kind: 'absent' });
  });

  test('without certificates it answers nobody', async () => {
    const resource = createDockerResource({ name: 'docker', address: { url: engine.tlsUrl } });
    made.push(resource);
    expect(await resource.check()).toMatchObject({ connected: false });
  });
});
