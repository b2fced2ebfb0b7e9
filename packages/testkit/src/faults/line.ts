import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that breaks when it is told to, as networks do: an adapter that is given its address in place of the server's notices no other difference. */
export interface BreakingLine {
  readonly host: string;
  readonly port: number;
  /** Breaks every connection that is open. New ones are made as before. */
  breakNow(): void;
  /**
   * Breaks the connection at the next message to the server that is the one meant, and this once only.
   *
   * @param when `before`: the message is lost, and the server never hears it. `after`: the server has answered it, and the answer is lost.
   * @param isMeant Told what is sent to the server, piece by piece as it comes.
   * @returns whether it has broken, to be asked afterwards.
   */
  breakAt(when: 'before' | 'after', isMeant: (piece: Buffer) => boolean): () => boolean;
  close(): Promise<void>;
}

interface Break {
  readonly when: 'before' | 'after';
  readonly isMeant: (piece: Buffer) => boolean;
  isBroken: boolean;
}

/**
 * Opens a line to a server that speaks TCP in the clear, such as a database's.
 *
 * @example
 * const line = await openBreakingLine('127.0.0.1', 5432);
 * const database = createMyDatabase({ host: line.host, port: line.port });
 * line.breakAt('after', (piece) => /\bCOMMIT\b/.test(piece.toString('latin1')));
 */
export async function openBreakingLine(serverHost: string, serverPort: number): Promise<BreakingLine> {
  const open = new Set<Socket>();
  let armed: Break | undefined;
  const server = createServer((near) => {
    const far = connect(serverPort, serverHost);
    /** Set when what comes from the server next is the answer to the message that was meant. */
    let losing: Break | undefined;
    const breakConnection = (broken: Break): void => {
      broken.isBroken = true;
      near.resetAndDestroy();
      far.resetAndDestroy();
    };
    near.on('data', (piece) => {
      if (armed?.isMeant(piece)) {
        losing = armed;
        armed = undefined;
        if (losing.when === 'before') return breakConnection(losing);
      }
      far.write(piece);
    });
    far.on('data', (piece) => {
      if (losing) breakConnection(losing);
      else near.write(piece);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('end', () => other.end());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      // A close follows.
      socket.on('error', () => undefined);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The line has no port.');
  const breakNow = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    host: address.address,
    port: address.port,
    breakNow,
    breakAt(when, isMeant) {
      const next: Break = { when, isMeant, isBroken: false };
      armed = next;
      return () => next.isBroken;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      breakNow();
      await closed;
    },
  };
}
