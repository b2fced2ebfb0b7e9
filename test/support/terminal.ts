import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '@user-workspaces/client';
import WebSocket from 'ws';
import type { RunningServer } from './server.js';
import { visit } from './visit.js';

/** Types into a terminal, as its page does, until the screen shows what is expected. */
export async function typeInto(
  server: Pick<RunningServer, 'baseUrl'>,
  session: Session,
  text: string,
  expected: RegExp,
): Promise<string> {
  const opened = await visit(session.url);
  const url = new URL(opened.url);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/shell`;
  url.protocol = 'ws:';
  const socket = new WebSocket(url, { headers: { Cookie: opened.cookie, Origin: server.baseUrl } });
  let screen = '';
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) screen += data.toString();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify({ type: 'input', data: text }));
  for (let tries = 0; tries < 100 && !expected.test(screen); tries += 1) await delay(100);
  socket.close();
  return screen;
}
