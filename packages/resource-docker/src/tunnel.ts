import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';

const settings = {
  BatchMode: 'yes', // Nobody is there to be asked.
  ConnectTimeout: 20,
  ExitOnForwardFailure: 'yes',
  ServerAliveInterval: 15,
};

/**
 * A way to the socket of an engine on another machine, by the system's own `ssh`, whose settings, keys and known hosts hold. Its near end is a socket that only the
 * server's account can reach. It is opened when it is needed, again after a break, and ends with the server, however that ends.
 */
export class Tunnel {
  /** The near end. */
  readonly socket = join(tmpdir(), `uws-ssh-${randomUUID()}`, 'docker.sock');
  private ssh: ChildProcess | undefined;
  private opening: Promise<void> | undefined;

  /**
   * @param url `ssh://user@host:port/path/of/docker.sock`; user, port and path may be absent.
   * @param config File of settings for `ssh`, in place of the account's own.
   */
  constructor(
    private readonly url: URL,
    private readonly config: string | undefined,
  ) {}

  /** @throws AdapterError `unavailable`, with what ssh says. */
  async open(): Promise<void> {
    this.opening ??= this.begin();
    await this.opening;
  }

  async close(): Promise<void> {
    this.ssh?.kill();
    await this.opening?.catch(() => undefined); // Whoever waited for it was told.
    await rm(dirname(this.socket), { recursive: true, force: true });
  }

  private async begin(): Promise<void> {
    try {
      await mkdir(dirname(this.socket), { recursive: true, mode: 0o700 });
      await rm(this.socket, { force: true });
      await this.connect();
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private connect(): Promise<void> {
    const { username, hostname, port, pathname } = this.url;
    const far = pathname.length > 1 ? decodeURIComponent(pathname) : '/var/run/docker.sock';
    const host = decodeURIComponent(hostname);
    const ssh = spawn(
      'ssh',
      [
        ...['-T', '-L', `${this.socket}:${far}`, ...(port ? ['-p', port] : [])],
        ...(this.config === undefined ? [] : ['-F', this.config]),
        ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
        // What it runs there lasts as long as the pipe from this process, be this killed.
        ...['--', username ? `${decodeURIComponent(username)}@${host}` : host, 'echo open; exec cat > /dev/null'],
      ],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    this.ssh = ssh;
    return new Promise((resolve, reject) => {
      let words = '';
      ssh.stderr.on('data', (piece: Buffer) => {
        words = (words + piece.toString()).slice(-2000);
      });
      ssh.stdin.on('error', () => undefined); // Told by its end.
      ssh.stdout.once('data', () => resolve());
      const ended = (what: string): void => {
        this.opening = undefined;
        reject(new AdapterError('unavailable', `The machine of the container engine is not reached by ssh: ${what}.`));
      };
      ssh.once('error', (error) => ended(error.message));
      ssh.once('close', () =>
        ended(
          words
            .trim()
            .split('\n')
            .at(-1)
            ?.replace(/\.+\s*$/, '') || 'it ended',
        ),
      );
    });
  }
}
