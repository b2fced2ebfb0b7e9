import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const programs = ['munged', 'slurmctld', 'slurmd', 'slurmdbd', 'slurmrestd', 'mariadbd', 'ip', 'curl'];

/** What keeps this machine from running a cluster; empty when nothing does. */
export function missingForSlurm(): string {
  if (process.geteuid?.() !== 0) return 'a cluster of several nodes needs root';
  const missing = programs.filter(
    (name) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((path) => existsSync(`${path}/${name}`)),
  );
  if (missing.length === 0) return '';
  const packages =
    'munge slurmctld slurmd slurm-client slurmrestd slurm-wlm-jwt-plugin slurm-wlm-basic-plugins slurmdbd slurm-wlm-mysql-plugin mariadb-server iproute2 curl';
  return `${missing.join(', ')} is missing; install it with: apt-get install --no-install-recommends ${packages}`;
}

/** A real cluster of two nodes on this machine. */
export interface SlurmCluster {
  readonly directory: string;
  readonly slurmConf: string;
  /** Runs what is given as root, with the cluster's configuration; its standard output. */
  run(file: string, ...words: string[]): Promise<string>;
  /** The same in the file systems of a node, `node1` or `node2`. */
  runOn(node: string, ...command: string[]): Promise<string>;
  /** Starts what does not run. */
  up(): Promise<void>;
  down(): Promise<void>;
}

function execute(file: string, words: readonly string[], environment: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString();
    });
    child.once('error', reject);
    // Daemons that it started may keep its output open.
    child.once('exit', (code) => {
      if (code === 0) setTimeout(() => resolve(stdout), 50);
      else reject(new Error(`${file} ${words.join(' ')} ended with ${code}: ${stderr}`));
    });
  });
}

/** One cluster at a time on a machine: whoever listens here has it, and the system ends that with the process. */
const turnPort = 26_817;

async function takeTurn(): Promise<() => Promise<void>> {
  for (;;) {
    const server = createServer();
    try {
      server.listen(turnPort, '127.0.0.1');
      await once(server, 'listening');
      return async () => {
        server.close();
        await once(server, 'close');
      };
    } catch {
      await delay(500);
    }
  }
}

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Starts one; waits while another test has one.
 *
 * @param users Accounts that may run jobs; those that do not exist are made, and removed at the end.
 */
export async function startSlurmCluster(
  users: readonly string[],
  settings: Record<string, string> = {},
): Promise<SlurmCluster> {
  const endTurn = await takeTurn();
  const directory = await mkdtemp(`${tmpdir()}/uws-slurm-`);
  const slurmConf = `${directory}/etc/slurm.conf`;
  const up = async () => {
    await execute(script('up.sh'), [directory], { ...settings, JOB_USERS: users.join(' ') });
  };
  const down = async () => {
    await execute(script('down.sh'), [directory], {});
    await endTurn();
  };
  try {
    await execute('chmod', ['755', directory], {});
    await up();
  } catch (error) {
    await down();
    throw error;
  }
  const run = (file: string, ...words: string[]) => execute(file, words, { SLURM_CONF: slurmConf });
  return {
    directory,
    slurmConf,
    up,
    down,
    run,
    async runOn(node, ...command) {
      const anchor = (await readFile(`${directory}/run/${node}.anchor`, 'utf8')).trim();
      return run('nsenter', '-t', anchor, '-m', ...command);
    },
  };
}

/** A way of its own to a daemon of a cluster, which can be cut. */
export interface SlurmLink {
  readonly port: number;
  /** Cuts it; what is returned brings it back. */
  cut(): Promise<() => Promise<void>>;
  /** Breaks the next connections off when the daemon has answered, before the answer arrives. */
  loseAnswers(count: number): void;
  close(): Promise<void>;
}

async function openLink(host: string, target: number): Promise<SlurmLink> {
  const open = new Set<Socket>();
  let toLose = 0;
  const server = createServer((near) => {
    const far = connect(target, host);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.once('data', (piece: Buffer) => {
      if (toLose > 0) {
        toLose -= 1;
        near.resetAndDestroy();
        return;
      }
      near.write(piece);
      far.pipe(near);
    });
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  };
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  const port = await listen(0);
  return {
    port,
    close,
    async cut() {
      await close();
      return async () => {
        await listen(port);
      };
    },
    loseAnswers(count) {
      toLose = count;
    },
  };
}

/** To slurmctld, for commands that use `slurmConf`, which is made in `directory`. */
export async function openControllerLink(
  cluster: SlurmCluster,
  directory: string,
): Promise<SlurmLink & { readonly slurmConf: string }> {
  const text = await readFile(cluster.slurmConf, 'utf8');
  const host = /^SlurmctldHost=\S+\((.*)\)$/m.exec(text)?.[1] ?? '';
  const link = await openLink(host, Number(/^SlurmctldPort=(\d+)$/m.exec(text)?.[1]));
  const slurmConf = `${directory}/slurm.conf`;
  const changed = text
    .replace(/^SlurmctldHost=.*$/m, `SlurmctldHost=${hostname().split('.')[0]}(127.0.0.1)`)
    .replace(/^SlurmctldPort=.*$/m, `SlurmctldPort=${link.port}`);
  await writeFile(slurmConf, changed, { mode: 0o644 });
  return { ...link, slurmConf };
}

/** To a slurmrestd; the cluster's own unless another port is given. */
export async function openRestLink(port = 6820): Promise<SlurmLink> {
  return openLink('127.0.0.1', port);
}

/** A slurmrestd beside the cluster's own. */
export interface RestDaemon {
  readonly port: number;
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(plugin: string): Promise<void>;
}

/** Starts a slurmrestd that has one plugin alone, such as `openapi/v0.0.36`. Its end is the caller's. */
export async function startRestDaemon(cluster: SlurmCluster, firstPlugin: string): Promise<RestDaemon> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((option) => cluster.run('id', option, 'slurmrest')));
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const address = free.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  free.close();
  await once(free, 'close');
  const begin = async (plugin: string) => {
    const words = ['-a', 'rest_auth/jwt', '-s', plugin, `127.0.0.1:${port}`];
    const child = spawn('slurmrestd', words, {
      uid: Number(uid),
      gid: Number(gid),
      env: { PATH: process.env.PATH, SLURM_CONF: cluster.slurmConf, SLURM_JWT: 'daemon' },
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`slurmrestd with ${plugin} ended with ${child.exitCode}.`);
      await delay(50);
    }
    return child;
  };
  let child = await begin(firstPlugin);
  return {
    port,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    async start(plugin) {
      child = await begin(plugin);
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
