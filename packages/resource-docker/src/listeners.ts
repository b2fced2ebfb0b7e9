import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Whether what listens at this address is a program of this machine, of which {@link Listeners} tells. */
export function isOwnAddress(host: string): boolean {
  if (isIP(host) === 0) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  return host.startsWith('127.') || own.includes(host);
}

/** Who listens on this machine: read once for all containers of a look, and only when one of them has a session. */
export class Listeners {
  private uids: Promise<ReadonlyMap<number, readonly number[]>> | undefined;

  /** The accounts, by uid, whose programs listen on a port, at whatever address. */
  async at(port: number): Promise<readonly number[]> {
    this.uids ??= uidsByPort();
    return (await this.uids).get(port) ?? [];
  }
}

/** `0A` is the state of sockets that listen; the local address ends in the port, in hexadecimal. */
const listening = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A \S+ \S+ \S+ +(\d+)/gm;

async function uidsByPort(): Promise<ReadonlyMap<number, readonly number[]>> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const uids = new Map<number, number[]>();
  for (const [, digits = '', uid] of tables.join('\n').matchAll(listening)) {
    const port = Number.parseInt(digits, 16);
    uids.set(port, [...(uids.get(port) ?? []), Number(uid)]);
  }
  return uids;
}
