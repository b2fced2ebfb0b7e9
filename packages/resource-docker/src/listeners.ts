import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Who listens on the machine beside its engine: read once for all containers of a look, and only when one of them has a session. */
export class Listeners {
  private strangers: Promise<ReadonlySet<number>> | undefined;

  /**
   * @param host Address at which the server reaches the engine's published ports.
   * @param socket Path of the engine's own socket, if it is on this machine.
   */
  constructor(
    private readonly host: string,
    private readonly socket: string | undefined,
  ) {}

  /** Whether somebody else than the engine listens on a port. It can be told only of this machine: who cannot be known is not accused. */
  async isStrangerAt(port: number): Promise<boolean> {
    this.strangers ??= strangersOf(this.host, this.socket);
    return (await this.strangers).has(port);
  }
}

/** Ports of this machine at which, at whatever address, programs of other accounts than root's and the engine's listen. */
async function strangersOf(host: string, socket: string | undefined): Promise<ReadonlySet<number>> {
  const engine = socket !== undefined && isOwnAddress(host) ? await stat(socket).catch(() => undefined) : undefined;
  if (!engine) return new Set();
  const listeners = await listenersOfMachine();
  return new Set(listeners.filter(({ uid }) => uid !== 0 && uid !== engine.uid).map(({ port }) => port));
}

function isOwnAddress(host: string): boolean {
  if (isIP(host) === 0) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  return host.startsWith('127.') || own.includes(host);
}

/** `0A` is the state of sockets that listen; the local address ends in the port, in hexadecimal. */
const listening = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A \S+ \S+ \S+ +(\d+)/gm;

async function listenersOfMachine(): Promise<{ readonly port: number; readonly uid: number }[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return [...tables.join('\n').matchAll(listening)].map(([, digits = '', uid]) => ({
    port: Number.parseInt(digits, 16),
    uid: Number(uid),
  }));
}
