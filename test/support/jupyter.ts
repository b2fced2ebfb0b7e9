import { randomUUID } from 'node:crypto';
import type { Session } from '@user-workspaces/client';
import WebSocket from 'ws';
import type { RunningServer } from './server.js';
import { visit } from './visit.js';

/** Has a kernel of an open Jupyter compute, over the WebSocket, as a cell of a notebook does; what it printed. */
export async function compute(server: Pick<RunningServer, 'baseUrl'>, session: Session, code: string): Promise<string> {
  const token = new URL(session.url).searchParams.get('token') ?? '';
  const opened = await visit(session.url);
  const base = new URL(session.url).pathname.replace(/\/$/, '');
  const headers = { Cookie: opened.cookie, Origin: server.baseUrl, 'Content-Type': 'application/json' };
  const made = await fetch(`${server.baseUrl}${base}/api/kernels?token=${token}`, {
    method: 'POST',
    headers,
    body: '{}',
  });
  if (made.status !== 201) throw new Error(`Jupyter made no kernel: ${made.status} ${await made.text()}`);
  const kernel: { id: string } = JSON.parse(await made.text());
  const address = `${server.baseUrl.replace(/^http/, 'ws')}${base}/api/kernels/${kernel.id}/channels?token=${token}`;
  const socket = new WebSocket(address, { headers });
  const request = randomUUID();
  try {
    return await new Promise<string>((resolve, reject) => {
      let printed = '';
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('The kernel went away.')));
      socket.once('open', () =>
        socket.send(
          JSON.stringify({
            channel: 'shell',
            header: { msg_id: request, msg_type: 'execute_request', session: request, username: '', version: '5.3' },
            parent_header: {},
            metadata: {},
            content: { code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false },
          }),
        ),
      );
      socket.on('message', (data: Buffer) => {
        const { msg_type, parent_header, content } = JSON.parse(data.toString());
        if (parent_header?.msg_id !== request) return;
        if (msg_type === 'stream') printed += content.text;
        if (msg_type === 'error') reject(new Error(`${content.ename}: ${content.evalue}`));
        // The kernel is idle again when all that it printed has arrived.
        if (msg_type === 'status' && content.execution_state === 'idle') resolve(printed);
      });
    });
  } finally {
    socket.close();
  }
}
