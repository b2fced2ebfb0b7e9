// The configurations of docs/slurm.md on a real cluster, with its paths, names and addresses put in; and what they say when something is wrong.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../backends/slurm/cluster.js';
import { compute } from '../support/jupyter.js';
import { putAway } from '../support/put-away.js';
import { describeUnless, describeWith, whatIsMissing } from '../support/requirements.js';
import { type RunningServer, startServer } from '../support/server.js';
import { typeInto } from '../support/terminal.js';
import { signIn, startJob, type User } from '../support/users.js';

const usernames = ['uwsrecipe1', 'uwsrecipe2'] as const;
const ways = ['commands', 'slurmrestd'] as const;

type StartRequest = Parameters<typeof startJob>[1];
type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One configuration over another. */
function merged(below: Fields, above: Fields): Fields {
  const both = Object.entries(above).map(([key, value]) => {
    const other = below[key];
    return [key, isFields(value) && isFields(other) ? merged(other, value) : value];
  });
  return { ...below, ...Object.fromEntries(both) };
}

/** Ends TLS in front of the cluster's slurmrestd, with a certificate that nobody trusts who is not told to. */
async function startTls(
  directory: string,
): Promise<{ readonly server: Server; readonly port: number; readonly ca: string }> {
  const [key, ca] = [join(directory, 'tls.key'), join(directory, 'tls.crt')];
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', ca];
  await promisify(execFile)('openssl', [...words.split(' '), ...names]);
  const server = createServer({ key: await readFile(key), cert: await readFile(ca) }, (near) => {
    const far = connect(6820, '127.0.0.1');
    for (const socket of [near, far])
      socket.on('error', () => {}).once('close', () => [near, far].map((each) => each.destroy()));
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0, ca };
}

const missing = [missingForSlurm(), whatIsMissing(['openssl'])].filter((sentence) => sentence !== '').join('; ');

describeUnless(missing, 'the recipe for a cluster', () => {
  let page: string;
  let cluster: SlurmCluster;
  let tls: Awaited<ReturnType<typeof startTls>>;
  const servers = new Map<string, RunningServer>();
  const users = new Map<string, User>();
  const configurations = new Map<string, string>();
  const blocks = (language: string) =>
    [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, content = '']) => content);
  const open = async (user: User, request: StartRequest) => {
    const { job } = await startJob(user, request);
    return { job, session: await user.client.jobs.waitUntilReady(job.id, { timeoutMs: 90_000 }) };
  };
  const signedIn = (way: string): User => {
    const user = users.get(way);
    if (!user) throw new Error(`Nobody is signed in to the server by ${way}.`);
    return user;
  };

  beforeAll(async () => {
    page = await readFile(fileURLToPath(new URL('../../docs/slurm.md', import.meta.url)), 'utf8');
    cluster = await startSlurmCluster(usernames);
    await cluster.runOn('node2', 'mount', '--bind', '/dev/null', process.execPath);
    // The second has an account, but not in the cluster.
    await cluster.run('sacctmgr', '-i', 'delete', 'user', usernames[1]);
    tls = await startTls(cluster.directory);
    const [commands = {}, rest = {}] = blocks('json').map((block): Fields => JSON.parse(block));
    const byWay = { commands, slurmrestd: merged(commands, rest) };
    await Promise.all(
      ways.map(async (way) => {
        const root = join(cluster.directory, way);
        await mkdir(root);
        const path = join(root, 'config.json');
        configurations.set(way, path);
        const text = JSON.stringify(byWay[way])
          .replaceAll('/srv/user-workspaces', root)
          .replaceAll('/etc/slurm/slurm.conf', cluster.slurmConf)
          .replaceAll('/etc/slurm/jwt.key', `${cluster.directory}/keys/jwt.key`)
          .replaceAll('https://slurm.example.org', `https://127.0.0.1:${tls.port}`)
          .replaceAll('general', 'main')
          .replaceAll('gpu01', 'node2')
          .replaceAll('10.1.0.21', '10.77.0.12');
        await writeFile(path, text);
        const server = await startServer({
          dataDirectory: join(root, 'data'),
          env: { UWS_CONFIG: path, NODE_EXTRA_CA_CERTS: tls.ca },
        });
        servers.set(way, server);
        users.set(way, await signIn(server, usernames[0]));
      }),
    );
  }, 900_000);

  afterAll(async () => {
    const left = [];
    for (const [way, server] of servers) left.push(...(await putAway(server, [signedIn(way)])));
    tls?.server.close();
    await cluster?.down();
    expect(left).toEqual([]);
  }, 240_000);

  test('the cluster is set up as the page says', async () => {
    const directory = join(cluster.directory, 'etc');
    const files = ['slurm.conf', 'cgroup.conf'].map((name) => readFile(join(directory, name), 'utf8'));
    const lines = (await Promise.all(files)).flatMap((text) => text.split('\n'));
    const [conf = ''] = blocks('conf');
    const wanted = conf.trim().replace('/etc/slurm/jwt.key', `${cluster.directory}/keys/jwt.key`).split('\n');
    expect(lines).toEqual(expect.arrayContaining(wanted));
    expect(wanted.length).toBeGreaterThan(5);
  });

  test.each(ways)('by %s: it is checked, well, and a terminal opens on the node with the GPUs', async (way) => {
    const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));
    await promisify(execFile)(process.execPath, [uws, 'config', 'check', configurations.get(way) ?? '']);
    const user = signedIn(way);
    expect(await user.client.catalogue.resources()).toMatchObject([
      {
        name: 'cluster',
        kind: 'slurm',
        health: { connected: true },
        load: { cpus: { total: 32 }, gpus: { total: 2, free: 2 } },
      },
    ]);
    const [listed] = await user.client.catalogue.resources();
    expect(listed?.options.map(({ variable_name }) => variable_name)).toContain('gpu_enabled');
    const { job, session } = await open(user, {
      job_type: 'terminal',
      resource_options: { num_cpus: 1, memory_mb: 1024, time_limit_minutes: 60, gpu_enabled: true },
    });
    const { hostname } = (await user.client.jobs.get(job.id)).job_details.current_job_details.proxy_details ?? {};
    expect(hostname).toBe('10.77.0.12');
    const text = "echo of-$SLURM_JOB_PARTITION-$CUDA_VISIBLE_DEVICES; echo do''ne\r";
    expect(await typeInto(servers.get(way) ?? { baseUrl: '' }, session, text, /done/)).toMatch(/of-gpu-[01]\r/);
    // The cluster itself counts the GPU, for its accounting.
    const { resource_job_id: id } = await user.client.jobs.get(job.id);
    expect(await cluster.run('squeue', '--noheader', `--jobs=${id}`, '--Format=tres-alloc:80')).toContain('gres/gpu=1');
    await user.client.jobs.stop(job.id);
    const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 90_000 });
    expect(ended).toMatchObject({ status: 'complete' });
    // One processor, one GPU; core hours come with five decimals.
    expect(ended.gpu_hours).toBeGreaterThan(0);
    expect(ended.gpu_hours).toBeCloseTo(ended.core_hours, 4);
  }, 240_000);

  describeWith(['jupyter'], 'its Jupyter', () => {
    test('computes under the account of the page', async () => {
      const server = servers.get('commands') ?? { baseUrl: '' };
      const { session } = await open(signedIn('commands'), { job_type: 'jupyter_lab' });
      expect(await compute(server, session, "import os; print(os.environ['SLURM_JOB_ACCOUNT'])")).toBe('lab\n');
    }, 240_000);
  });

  /** Starts what cannot run; what is said of it, which must be what the page says. */
  async function saysOfThePage(user: User, request: StartRequest): Promise<string> {
    const { job } = await startJob(user, request);
    const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 90_000 });
    expect(ended.status).toBe('failed');
    const said = [...page.matchAll(/^\| `(.*?)[…`]/gm)].map(([, sentence = '']) => sentence);
    expect(said).toContainEqual(said.find((sentence) => ended.status_message?.includes(sentence)));
    return ended.status_message ?? '';
  }

  test('what is wrong is told as on the page', async () => {
    const user = signedIn('commands');
    const options = { num_cpus: 1, memory_mb: 1024, time_limit_minutes: 60, gpu_enabled: true };
    const tooMuch = { ...options, memory_mb: 131072 };
    const said = await saysOfThePage(user, { job_type: 'terminal', resource_options: tooMuch });
    expect(said).toContain('BadConstraints');

    const server = servers.get('commands');
    if (!server) throw new Error('There is no server.');
    const other = await signIn(server, usernames[1]);
    expect(await saysOfThePage(other, { job_type: 'terminal' })).toContain('Invalid account');

    const workspaces = join(cluster.directory, 'commands', 'workspaces');
    await cluster.runOn('node2', 'mount', '-t', 'tmpfs', 'none', workspaces);
    try {
      expect(await saysOfThePage(user, { job_type: 'terminal', resource_options: options })).toContain('on node2');
    } finally {
      await cluster.runOn('node2', 'umount', workspaces);
    }
  }, 240_000);
});
