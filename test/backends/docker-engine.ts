import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/server.js';
import type { Certificates } from './engine-certificates.js';

/** An image without anything but directories: the machine's own /usr is mounted into it. */
export const hostImage = 'uws-test/host:1';
export const hostMounts = [{ source: '/usr' }] as const;
/** An image of one static program: no C library, no Node. */
export const busyboxImage = 'uws-test/busybox:1';

/** What is missing on this machine to start an engine; empty when nothing is. */
export function whatEngineNeeds(): string {
  if (process.getuid?.() !== 0) return 'a container engine is started by root alone';
  const needed = {
    '/usr/sbin/dockerd': 'docker.io',
    '/usr/sbin/iptables': 'iptables',
    '/usr/bin/busybox': 'busybox-static',
    '/usr/sbin/ip': 'iproute2',
  };
  const missing = Object.entries(needed).filter(([path]) => !existsSync(path) && !existsSync(path.replace('/usr', '')));
  if (missing.length === 0) return '';
  return `${missing.map(([path]) => path).join(', ')} missing; install with: apt-get install --no-install-recommends ${missing.map(([, name]) => name).join(' ')}`;
}

/** A real engine with everything in a directory of its own; it pulls nothing and reaches no network. */
export class DockerEngine {
  private daemon: ChildProcess | undefined;
  private constructor(
    readonly directory: string,
    private readonly bridge: string,
    private readonly certificates: Certificates | undefined,
    private readonly port: number,
  ) {}

  /** Starts one, with both images. @param certificates It then listens also at {@link tlsUrl}, and asks for a client's. */
  static async start(certificates?: Certificates): Promise<DockerEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'uws-engine-'));
    await chmod(directory, 0o711);
    const engine = new DockerEngine(directory, makeBridge(), certificates, certificates ? await freePort() : 0);
    await engine.run();
    await engine.importImages();
    return engine;
  }

  get socket(): string {
    return join(this.directory, 'docker.sock');
  }

  get url(): string {
    return `unix://${this.socket}`;
  }

  get tlsUrl(): string {
    return `tcp://127.0.0.1:${this.port}`;
  }

  /** Starts the daemon, also after {@link kill}. */
  async run(): Promise<void> {
    const at = (name: string) => join(this.directory, name);
    const managed = at('exec/containerd');
    rmSync(at('docker.pid'), { force: true });
    // A killed containerd that nobody has reaped would be waited for.
    if (!isAlive(pidIn(join(managed, 'containerd.pid')))) rmSync(join(managed, 'containerd.pid'), { force: true });
    writeFileSync(at('daemon.json'), '{}');
    const log = at('dockerd.log');
    const places = ['--config-file', at('daemon.json'), '--data-root', at('data'), '--exec-root', at('exec')];
    const network = [`--bridge=${this.bridge}`, '--ip=127.0.0.1', '--iptables=false', '--ip6tables=false'];
    const noRouting = ['--ip-forward=false', '--ip-masq=false', '--userland-proxy=true'];
    const daemon = spawn(
      '/usr/sbin/dockerd',
      [
        ...[...places, '-p', at('docker.pid'), '-H', this.url, ...this.tlsOptions()],
        ...[...network, ...noRouting, '--storage-driver', 'overlay2', '--shutdown-timeout', '5', '--live-restore'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    daemon.stderr?.on('data', (piece: Buffer) => {
      if (existsSync(this.directory)) appendFileSync(log, piece);
    });
    this.daemon = daemon;
    for (let tries = 0; !(await this.answers()); tries += 1) {
      if (tries > 1200 || daemon.exitCode !== null) {
        throw new Error(`dockerd does not come up:\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`);
      }
      await sleep(50);
    }
  }

  private tlsOptions(): string[] {
    if (!this.certificates) return [];
    const { ca, server } = this.certificates;
    const file = (name: string, content: string): string => {
      const path = join(this.directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    return [
      ...['-H', this.tlsUrl, '--tlsverify', '--tlscacert', file('ca.pem', ca)],
      ...['--tlscert', file('server.pem', server.certificate), '--tlskey', file('server.key', server.key)],
    ];
  }

  /** The end of the daemon by a signal. Containers go on with live restore. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill(signal);
    await ended;
  }

  /** Ends all containers and the daemon, and removes every trace. */
  async stop(): Promise<void> {
    if (await this.answers()) {
      const list: unknown = JSON.parse(await this.ask('GET', '/containers/json?all=1'));
      for (const entry of Array.isArray(list) ? list : [])
        await this.ask('DELETE', `/containers/${entry.Id}?force=1&v=1`);
    }
    await this.kill('SIGTERM');
    // A killed daemon leaves its containerd and the containers' shims behind.
    for (const pid of this.leftOver()) process.kill(pid, 'SIGKILL');
    await sleep(50);
    for (const point of mountsBelow(this.directory)) spawnSync('umount', ['-l', point]);
    spawnSync('ip', ['link', 'del', this.bridge]);
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Makes a container; its id. */
  async create(options: object): Promise<string> {
    const answer: { Id?: string; message?: string } = JSON.parse(
      await this.ask('POST', '/containers/create', Readable.from(JSON.stringify(options)), 'application/json'),
    );
    if (answer.Id === undefined) throw new Error(`No container was made: ${answer.message}`);
    return answer.Id;
  }

  /** A request of the API. */
  async ask(method: string, path: string, body?: NodeJS.ReadableStream, type = 'application/x-tar'): Promise<string> {
    const sent = request({
      socketPath: this.socket,
      method,
      path,
      headers: body ? { 'Content-Type': type } : {},
    });
    const answered = once(sent, 'response');
    if (body) body.pipe(sent);
    else sent.end();
    const [response] = await answered;
    let text = '';
    for await (const piece of response) text += piece;
    return text;
  }

  private async answers(): Promise<boolean> {
    if (!existsSync(this.socket)) return false;
    return this.ask('GET', '/_ping').then(
      (text) => text === 'OK',
      () => false,
    );
  }

  private async importImages(): Promise<void> {
    const root = join(this.directory, 'image');
    for (const name of ['usr', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'var', 'run'])
      mkdirSync(join(root, name), { recursive: true });
    await chmod(join(root, 'tmp'), 0o1777);
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
    await this.importImage(root, hostImage);
    for (const name of ['sbin', 'lib', 'lib64', 'bin']) rmSync(join(root, name));
    mkdirSync(join(root, 'bin'));
    const busybox = join(root, 'bin/busybox');
    await copyFile('/usr/bin/busybox', busybox);
    const { stdout } = spawnSync(busybox, ['--list'], { encoding: 'utf8' });
    for (const name of stdout.trim().split('\n'))
      if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
    await this.importImage(root, busyboxImage);
    await rm(root, { recursive: true });
  }

  private async importImage(root: string, name: string): Promise<void> {
    const archive = spawn('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-cf', '-', '.']);
    const [repository, tag] = name.split(':');
    await this.ask('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}`, archive.stdout);
  }

  private leftOver(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const words = readOr(`/proc/${pid}/cmdline`).split('\0');
        return /containerd(-shim.*)?$/.test(words[0] ?? '') && words.some((word) => word.includes(this.directory));
      });
  }
}

let bridges = 0;

/** A bridge with addresses that nobody else on this machine has. */
function makeBridge(): string {
  for (let tries = 0; tries < 200; tries += 1) {
    const name = `uwsbr${process.pid}x${bridges++}`.slice(0, 15);
    const subnet = `10.213.${(process.pid + tries * 7) % 250}`;
    const isTaken = Object.values(networkInterfaces()).some((list) =>
      list?.some(({ address }) => address.startsWith(`${subnet}.`)),
    );
    if (isTaken || spawnSync('ip', ['link', 'add', name, 'type', 'bridge']).status !== 0) continue;
    spawnSync('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', name]);
    spawnSync('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error('No network bridge could be made.');
}

function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${directory}/`))
    .reverse();
}

function pidIn(file: string): number {
  return Number(readOr(file)) || 0;
}

/** Not a zombie. */
function isAlive(pid: number): boolean {
  return pid > 0 && /^\d+ \(.*\) [^ZX]/.test(readOr(`/proc/${pid}/stat`));
}

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
