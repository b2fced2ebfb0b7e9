import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { isOwnAddress, Listeners } from '../src/listeners.js';

test.each([
  '127.0.0.1',
  '::1',
])('who listens at %s is told by the port, and who is only connected is not', async (host) => {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const visitor = connect(port, host);
  await once(visitor, 'connect');
  const listeners = new Listeners();
  expect(await listeners.at(port)).toEqual([process.getuid?.()]);
  expect(await listeners.at(visitor.localPort ?? 0)).toEqual([]);
  visitor.destroy();
  server.close();
  await once(server, 'close');
  // One look is one reading.
  expect(await listeners.at(port)).toHaveLength(1);
  expect(await new Listeners().at(port)).toEqual([]);
});

test('addresses of this machine are told from others and from names', () => {
  expect(['127.0.0.1', '127.8.8.8', '::1', '192.0.2.1', 'localhost', ''].map(isOwnAddress)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
