// One server with two resources: processes of the machine, and containers of a real engine whose image has neither Node nor a C library.
import { spawn } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Session } from '@user-workspaces/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { busyboxImage, DockerEngine, hostImage, whatEngineNeeds } from '../backends/docker-engine.js';
import { putAway } from '../support/put-away.js';
import { describeUnless } from '../support/requirements.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { typeInto } from '../support/terminal.js';
import { signIn, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const resources = ['main_resource', 'engine'] as const;

describeUnless(whatEngineNeeds(), 'a server with processes and containers', () => {
  let engine: DockerEngine;
  let env: Record<string, string>;
  let server: RunningServer;
  let ada: User;

  beforeAll(async () => {
    engine = await DockerEngine.start();
    const root = await temporaryDirectory();
    const parameter_mapping = {
      num_cpus: 'cpus_per_task',
      memory_mb: 'memory_per_node',
      time_limit_minutes: 'time_limit',
    };
    const files = { command: ['{uws_node}', '{uws_files_program}'], token_query: 'token' };
    const onBoth = (details: object) => ({
      main_resource: details,
      engine: { ...details, resource_details: { read_only_root: true } },
    });
    const configuration = {
      main_resource: 'main_resource',
      available_resources: {
        main_resource: { resource_type: 'LocalResource', parameter_mapping },
        engine: {
          resource_type: 'DockerResource',
          parameter_mapping,
          image: busyboxImage,
          pull_policy: 'never',
          connection_details: { url: engine.url },
        },
      },
      available_job_types: {
        terminal: { job_type: 'TerminalJob', environment_details: onBoth({}) },
        web_app: { job_type: 'WebApplicationJob', environment_details: onBoth(files) },
        jupyter_lab: {
          job_type: 'JupyterLabJob',
          environment_details: {
            main_resource: { module_manager: 'system' },
            engine: {
              module_manager: 'system',
              resource_details: {
                image: hostImage,
                read_only_mounts: ['/usr', '/etc/alternatives'].map((source) => ({ source })),
              },
            },
          },
        },
        local_test_job: { job_type: 'LocalTestJob', environment_details: onBoth({}) },
      },
    };
    const path = join(root, 'config.json');
    await writeFile(path, JSON.stringify(configuration));
    env = { UWS_CONFIG: path, UWS_FIRST_USER: 'ada', UWS_FIRST_USER_EMAIL: 'ada@example.org' };
    server = await startServer({ dataDirectory: join(root, 'data'), env });
    ada = await signIn(server);
  }, 120_000);

  afterAll(async () => {
    const left = await putAway(server, [ada]).finally(() => engine.stop());
    expect(left).toEqual([]);
  }, 120_000);

  async function open(workspaceId: number, job_type: string, resource: string): Promise<Session> {
    const job = await ada.client.workspaces.start(workspaceId, { job_type, resource });
    return ada.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 });
  }

  test.concurrent('terminal, web application and Jupyter run in the same workspace on both, and are opened through the proxy', async () => {
    const workspace = await ada.client.workspaces.create({
      name: 'For both',
      description: '',
      workspace_details: { files: [{ name: 'first.txt', content: 'from the API' }] },
    });
    for (const resource of resources) {
      const terminal = await open(workspace.id, 'terminal', resource);
      // Typed in pieces, so that the echo is not taken for the answer.
      const screen = await typeInto(
        server,
        terminal,
        `cat fir*t.txt; echo by-${resource} > ${resource}.txt; echo do''ne\r`,
        /done/,
      );
      expect(screen, resource).toContain('from the API');
      const files = await open(workspace.id, 'web_app', resource);
      const page = await visit(files.url);
      expect(page.response.status).toBe(200);
      expect(await page.response.text()).toContain(`${resource}.txt`);
      const jupyter = await visit((await open(workspace.id, 'jupyter_lab', resource)).url);
      expect(jupyter.response.status).toBe(200);
      expect(await jupyter.response.text()).toMatch(/jupyter/i);
    }
  }, 180_000);

  test.concurrent('a container that ends tells its exit code and output; its resource is told healthy in the status', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Test', description: '', workspace_details: {} });
    const job = await ada.client.workspaces.start(workspace.id, { job_type: 'local_test_job', resource: 'engine' });
    const ended = await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ status: 'complete', resource: 'engine', exit_code: 0 });
    const status = await (await fetch(`${server.baseUrl}/status/`)).json();
    expect(JSON.stringify(status)).toMatch(/containers of Docker/);
  }, 120_000);

  test('a session whose port somebody takes while the engine is away leads nobody there, and is open again at the port that the engine publishes then', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Moved', description: '', workspace_details: {} });
    const session = await open(workspace.id, 'web_app', 'engine');
    const [job] = (await ada.client.jobs.list({ workspace_id: workspace.id })).items;
    if (!job) throw new Error('The job is not listed.');
    const portOf = async () => {
      const { current_job_details } = (await ada.client.jobs.get(job.id)).job_details;
      return current_job_details.proxy_details?.port ?? 0;
    };
    const before = await portOf();
    await engine.kill('SIGKILL');
    // Another account takes the port while the engine is away; when it is back it calls the port published all the same.
    const serve = `require('node:http').createServer((_, answer) => answer.end('stolen')).listen(${before}, '127.0.0.1')`;
    const thief = spawn(process.execPath, ['-e', serve], { uid: 65_534, stdio: 'ignore' });
    try {
      await vi.waitFor(
        async () => expect(await (await fetch(`http://127.0.0.1:${before}`)).text()).toBe('stolen'),
        20_000,
      );
      await engine.run();
      await vi.waitFor(
        async () => {
          const { current_job_details } = (await ada.client.jobs.get(job.id)).job_details;
          expect(current_job_details.message).toContain('was taken by another program of the machine');
        },
        { timeout: 60_000, interval: 200 },
      );
      expect(await (await visit(session.url)).response.text()).not.toContain('stolen');
      for (const order of ['disconnect', 'connect']) {
        const container = Readable.from(JSON.stringify({ Container: job.resource_handle }));
        expect(await engine.ask('POST', `/networks/bridge/${order}`, container, 'application/json')).toBe('');
      }
      await vi.waitFor(
        async () => {
          const { response } = await visit(session.url);
          expect(response.status).toBe(200);
          expect(await response.text()).not.toContain('stolen');
          expect([before, 0]).not.toContain(await portOf());
        },
        { timeout: 60_000, interval: 200 },
      );
    } finally {
      thief.kill('SIGKILL');
    }
  }, 150_000);

  test('a server whose data directory was moved ends the containers that it started before', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Kept', description: '', workspace_details: {} });
    const job = await ada.client.workspaces.start(workspace.id, { job_type: 'web_app', resource: 'engine' });
    await ada.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 });
    await server.stop();
    const dataDirectory = `${server.dataDirectory}-moved`;
    await rename(server.dataDirectory, dataDirectory);
    server = await startServer({ dataDirectory, env });
    ada = await signIn(server);
    await ada.client.jobs.stop(job.id);
    const ended = await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ status: 'complete', status_reason: 'stopped' });
  }, 150_000);
});
