import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be cut, as networks are. */
export interface BreakingLink {
  readonly baseUrl: string;
  /** How many connections were made so far. */
  readonly connections: number;
  /** Breaks every connection that is open. */
  cut(): void;
  close(): void;
}

/** Where a connection breaks by itself: after so many bytes of one direction. */
export interface Fuse {
  readonly direction: 'request' | 'answer';
  readonly bytes: number;
}

export interface BreakingLinkOptions {
  /** Asked for each connection; without one it holds until it is cut. */
  readonly fuse?: () => Fuse | undefined;
}

/** @param target The port of the server; as a function it is asked for each connection, as a load balancer would choose. */
export async function openBreakingLink(
  target: number | (() => number),
  { fuse }: BreakingLinkOptions = {},
): Promise<BreakingLink> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(typeof target === 'number' ? target : target(), '127.0.0.1');
    const broken = fuse?.();
    for (const [socket, other, direction] of [
      [near, far, 'request'],
      [far, near, 'answer'],
    ] as const) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      // A close follows.
      socket.on('error', () => undefined);
      socket.pipe(other);
      if (broken?.direction !== direction) continue;
      let left = broken.bytes;
      socket.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left >= 0) return;
        near.resetAndDestroy();
        far.resetAndDestroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The link has no port.');
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    baseUrl: `http://127.0.0.1:${address.port}`,
    get connections() {
      return connections;
    },
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
