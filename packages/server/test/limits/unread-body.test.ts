import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpServer } from '../../src/index.js';

let server: Server;
let served: string[];
beforeEach(async () => {
  served = [];
  server = createHttpServer((request, response) => {
    served.push(request.url ?? '');
    response.writeHead(413).end('Too large.');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const portOf = (): number => (server.address() as AddressInfo).port;

const piece = 'x'.repeat(100_000);
const pieces = 20;

const headOf = (connection: string): string =>
  `PUT /large HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Length: ${piece.length * pieces}\r\n\r\n`;

/** Sends the whole body of a request that is refused at its head, and only then reads, as many programs do. */
async function sendAllThenRead(connection: string, after = ''): Promise<string> {
  const socket = connect(portOf(), '127.0.0.1');
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
  socket.write(headOf(connection));
  for (let sent = 1; sent <= pieces; sent += 1) {
    await Promise.race([pause(20), failed]);
    socket.write(sent === pieces ? piece + after : piece);
  }
  socket.end();
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  await Promise.race([once(socket, 'close'), failed]);
  return text;
}

test.each([
  'close',
  'keep-alive',
])('a request that is refused before its body has come gets its answer (%s)', async (connection) => {
  expect(await sendAllThenRead(connection)).toMatch(/^HTTP\/1\.1 413 [\s\S]*Too large/);
});

test('what follows such a request on the connection that it closes is not served', async () => {
  await sendAllThenRead('close', 'GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(served).toEqual(['/large']);
  await sendAllThenRead('keep-alive', 'GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(served).toEqual(['/large', '/large', '/next']);
});

test('a connection that was kept after such a request ends at once with a later one that says so', async () => {
  server.keepAliveTimeout = 60_000;
  const last = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const socket = connect(portOf(), '127.0.0.1');
  socket.resume();
  socket.write(headOf('keep-alive') + piece.repeat(pieces) + last);
  await once(socket, 'close');
  expect(served).toEqual(['/large', '/last']);
});

test('who sends nothing more of such a body is cut off', async () => {
  server.keepAliveTimeout = 100;
  const accepted = once(server, 'connection');
  const socket = connect(portOf(), '127.0.0.1');
  const [connection] = await accepted;
  const closed = once(connection, 'close');
  socket.write(headOf('close'));
  socket.resume();
  await closed;
  socket.destroy();
  expect(served).toEqual(['/large']);
});
