// The service of examples/compose on a real engine. There is no registry to fetch its images from: those of the tests stand in.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { busyboxImage, DockerEngine, hostImage, hostMounts, whatEngineNeeds } from '../backends/docker-engine.js';
import { describeUnless } from '../support/requirements.js';
import { freePort } from '../support/server.js';
import { typeInto } from '../support/terminal.js';
import { signIn, startSession } from '../support/users.js';

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const clientToken = 'c0ffee0000000000000000000000000000000000';

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly working_dir: string;
  readonly hostname: string;
  readonly network_mode: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly restart: string;
  readonly stop_grace_period: string;
}
/** What this test carries out; whatever else the file may say would go untried. */
const known = ['command', 'environment', 'hostname', 'image', 'network_mode', 'volumes', 'working_dir'];
const leftToCompose = ['restart', 'stop_grace_period'];

describeUnless(whatEngineNeeds(), 'the server of examples/compose', () => {
  let engine: DockerEngine;
  let directory: string;
  let server: { readonly baseUrl: string; readonly clientToken: string };

  beforeAll(async () => {
    engine = await DockerEngine.start();
    directory = await mkdtemp(join(tmpdir(), 'uws-compose-'));
    const read = (name: string) => readFile(join(root, 'examples/compose', name), 'utf8');
    const { services }: { services: { server: Service } } = parse(await read('compose.yaml'));
    expect(Object.keys(services)).toEqual(['server']);
    const { server: service } = services;
    expect(Object.keys(service).sort()).toEqual([...known, ...leftToCompose].sort());

    const here = (text: string) =>
      text
        .replaceAll('/srv/user-workspaces', join(directory, 'data'))
        .replace(/^\.\.\/\.\.:/, `${root}:`)
        .replace(/^\/var\/run\/docker.sock:/, `${engine.socket}:`);
    const config = join(directory, 'config.json');
    await writeFile(config, (await read('config.json')).replaceAll('debian:12-slim', busyboxImage));
    const port = await freePort();
    const environment = { ...service.environment, UWS_PORT: String(port), UWS_CLIENT_TOKEN: clientToken };
    const id = await engine.create({
      Image: hostImage,
      Cmd: service.command,
      WorkingDir: service.working_dir,
      Hostname: service.hostname,
      Env: [
        `PATH=${process.env.PATH}`,
        ...Object.entries(environment).map(([name, value]) => `${name}=${here(value)}`),
      ],
      HostConfig: {
        NetworkMode: service.network_mode,
        Binds: [
          ...hostMounts.map(({ source }) => `${source}:${source}:ro`),
          ...service.volumes.map(here),
          `${config}:${service.environment.UWS_CONFIG}:ro`,
        ],
      },
    });
    await engine.ask('POST', `/containers/${id}/start`);
    server = { baseUrl: `http://127.0.0.1:${port}`, clientToken };
    for (let tries = 0; !(await fetch(`${server.baseUrl}/readyz`).catch(() => undefined))?.ok; tries += 1) {
      const { State } = JSON.parse(await engine.ask('GET', `/containers/${id}/json`));
      if (tries > 1_000 || !State.Running) {
        throw new Error(`It does not start: ${await engine.ask('GET', `/containers/${id}/logs?stdout=1&stderr=1`)}`);
      }
      await delay(100);
    }
  }, 180_000);

  afterAll(async () => {
    await engine.stop();
    await rm(directory, { recursive: true });
  });

  test('runs a terminal in a container beside its own', async () => {
    const user = await signIn(server);
    const { session } = await startSession(user, { job_type: 'terminal' });
    const screen = await typeInto(server, session, "echo uid-$(id -u) $(busybox | head -n 1); echo do''ne\r", /done/);
    expect(screen).toMatch(/uid-[1-9]\d+ BusyBox/);
  }, 120_000);
});
