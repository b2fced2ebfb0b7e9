import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { freePort } from '../../support/server.js';

/** A mail server that can be made to hang: it takes connections and never says a word. */
export interface MailServer {
  readonly url: string;
  /** The texts of the mails that it took. */
  readonly mails: readonly string[];
  /** Connections that were made while it hung. */
  readonly kept: number;
  hang(): void;
  /** Breaks the connections that hang, and answers new ones. */
  recover(): void;
  close(): Promise<void>;
}

export async function openMailServer(): Promise<MailServer> {
  const mails: string[] = [];
  const hanging = new Set<Socket>();
  let hangs = false;
  let kept = 0;
  const port = await freePort();
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        mails.push(text);
        done();
      });
    },
  });
  // Broken connections are what is tested here.
  smtp.on('error', () => undefined);
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    if (!hangs) {
      smtp.server.emit('connection', socket);
      return;
    }
    kept += 1;
    hanging.add(socket);
    socket.on('close', () => hanging.delete(socket));
    socket.resume();
  }).listen(port, '127.0.0.1');
  await once(door, 'listening');
  const recover = (): void => {
    hangs = false;
    for (const socket of hanging) socket.resetAndDestroy();
  };
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    get kept() {
      return kept;
    },
    hang() {
      hangs = true;
    },
    recover,
    async close() {
      recover();
      door.close();
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    },
  };
}
