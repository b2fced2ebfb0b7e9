// Stands in for an engine with GPUs, which cannot be had here: it answers what the Docker Engine API documents for the list of containers and for one that was given device requests. That a real
// engine tells of device requests so, and what it does without GPUs, is in engine.test.ts.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { LaunchReference } from '@user-workspaces/contract';
import { expect, onTestFinished, test } from 'vitest';
import { createDockerResource } from '../src/index.js';
import { labels } from '../src/names.js';

const launchKey = '0123456789abcdef0123456789abcdef';
const id = 'c'.repeat(64);
const reference: LaunchReference = {
  launchKey,
  handle: id,
  account: { name: 'alice', uid: 1000, gid: 1000 },
  workspacePath: '/workspace',
  jobId: 1,
};
const startedAt = Date.now() - 3_600_000;

/** A resource on an engine with this one container, which has two processors. */
async function engineWith(deviceRequests: object[] | null, status: 'running' | 'exited') {
  const answers: Readonly<Record<string, unknown>> = {
    '/containers/json': [
      {
        Id: id,
        State: status,
        Created: startedAt / 1000,
        Ports: [],
        Labels: { [labels.key]: launchKey, [labels.role]: 'job', [labels.owner]: 'docker', [labels.cpus]: '2' },
      },
    ],
    [`/containers/${id}/json`]: {
      Id: id,
      State: {
        Status: status,
        Running: status === 'running',
        OOMKilled: false,
        ExitCode: 0,
        StartedAt: new Date(startedAt).toISOString(),
        FinishedAt: status === 'running' ? '0001-01-01T00:00:00Z' : new Date(startedAt + 1_800_000).toISOString(),
      },
      HostConfig: { DeviceRequests: deviceRequests },
    },
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://engine').pathname.replace(/^\/v[\d.]+/, '');
    const answer = answers[path];
    response
      .writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(answer ?? { message: 'no such thing' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const resource = createDockerResource({ name: 'docker', address: { url: `tcp://127.0.0.1:${port}` } });
  onTestFinished(async () => {
    await resource.close();
    server.close();
    server.closeAllConnections();
  });
  return resource;
}

async function seen(deviceRequests: object[] | null, status: 'running' | 'exited') {
  const resource = await engineWith(deviceRequests, status);
  return (await resource.observe([reference])).get(launchKey);
}

/** As a real engine gives it back. */
const request = (Count: number, more = {}) => ({
  ...{ Driver: '', Count, DeviceIDs: null, Capabilities: [['gpu']], Options: null },
  ...more,
});

test.each([
  ['a GPU', [request(1)], 1],
  ['several', [request(1), request(2)], 3],
  ['none', null, 0],
  ['devices that are none', [request(4, { Capabilities: [['tpu']] })], 0],
])('GPU hours of a container that was given %s', async (_, deviceRequests, gpus) => {
  const running = await seen(deviceRequests, 'running');
  expect(running).toMatchObject({ kind: 'running', coreHours: expect.any(Number), gpuHours: expect.any(Number) });
  if (running?.kind === 'running') expect(running.gpuHours).toBeCloseTo((running.coreHours / 2) * gpus, 12);
  expect(await seen(deviceRequests, 'exited')).toMatchObject({ kind: 'ended', coreHours: 1, gpuHours: 0.5 * gpus });
});

test.each([
  ['all that there are', [request(-1)]],
  ['some by their names', [request(0, { DeviceIDs: ['GPU-fef8089b'] })]],
  ['one, and all that there are', [request(1), request(-1)]],
])('of a container that was given %s nothing is told', async (_, deviceRequests) => {
  for (const status of ['running', 'exited'] as const) {
    const answer = await seen(deviceRequests, status);
    expect(answer).toMatchObject({ kind: status === 'running' ? 'running' : 'ended' });
    expect(answer).not.toHaveProperty('gpuHours');
  }
});
