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

export async function openBreakingLink(targetPort: number): Promise<BreakingLink> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      // A close follows.
      socket.on('error', () => undefined);
      socket.pipe(other);
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
