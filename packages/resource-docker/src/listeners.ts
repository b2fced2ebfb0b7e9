import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Whether what listens at this address is a program of this machine, of which {@link listenersAt} tells. */
export function isOwnAddress(host: string): boolean {
  if (isIP(host) === 0) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  return host.startsWith('127.') || own.includes(host);
}

/** The accounts, by uid, whose programs listen on a port of this machine, at whatever address. */
export async function listenersAt(port: number): Promise<readonly number[]> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return tables
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(ending))
    .map((fields) => Number(fields[7]));
}
