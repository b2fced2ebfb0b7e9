import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/server.js';

/** What is missing on this machine to reach it by ssh; empty when nothing is. */
export function missingForSsh(): string {
  const missing = ['/usr/sbin/sshd', '/usr/bin/ssh'].filter((path) => !existsSync(path));
  if (missing.length === 0) return '';
  return `${missing.join(', ')} missing; install with: apt-get install --no-install-recommends openssh-server openssh-client`;
}

/** A real sshd at 127.0.0.1 that lets root in by a key of its own. */
export class SshServer {
  private constructor(
    private readonly directory: string,
    private readonly daemon: ChildProcess,
  ) {}

  static async start(): Promise<SshServer> {
    const directory = await mkdtemp(join(tmpdir(), 'uws-sshd-'));
    const at = (name: string) => join(directory, name);
    for (const name of ['host-key', 'user-key', 'other-key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    }
    const port = await freePort();
    const settings = {
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: at('host-key'),
      AuthorizedKeysFile: at('user-key.pub'),
      PermitRootLogin: 'prohibit-password',
      PasswordAuthentication: 'no',
      StrictModes: 'no',
      UsePAM: 'no',
      PidFile: 'none',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
    await writeFile(at('sshd_config'), lines.join(''));
    for (const key of ['host-key', 'other-key']) {
      const [type, text] = (await readFile(at(`${key}.pub`), 'utf8')).split(' ');
      await writeFile(at(`known-by-${key}`), `[127.0.0.1]:${port} ${type} ${text}\n`);
      const client = {
        HostName: '127.0.0.1',
        Port: port,
        User: 'root',
        IdentityFile: at('user-key'),
        IdentitiesOnly: 'yes',
        UserKnownHostsFile: at(`known-by-${key}`),
        StrictHostKeyChecking: 'yes',
      };
      const words = Object.entries(client).map(([name, value]) => `  ${name} ${value}\n`);
      await writeFile(at(`config-${key}`), `Host machine\n${words.join('')}`);
    }
    await mkdir('/run/sshd', { recursive: true });
    const daemon = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' });
    await sleep(50);
    return new SshServer(directory, daemon);
  }

  /** Settings for `ssh` that name it `machine` and trust its key, or only another. */
  configuration({ trusted = true } = {}): string {
    return join(this.directory, trusted ? 'config-host-key' : 'config-other-key');
  }

  /** Processes that serve connections. */
  async sessions(): Promise<number[]> {
    const { pid } = this.daemon;
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  }

  /** Breaks all connections. */
  async breakConnections(): Promise<void> {
    for (const pid of await this.sessions()) process.kill(pid, 'SIGKILL');
  }

  async stop(): Promise<void> {
    await this.breakConnections();
    this.daemon.kill();
    await rm(this.directory, { recursive: true });
  }
}
