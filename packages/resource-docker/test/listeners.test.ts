import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { Listeners } from '../src/listeners.js';

/** Something of root's on this machine, in place of an engine's socket. */
const socketOfRoot = '/proc/version';

/** A program of an account that is neither root's nor the engine's. */
async function stranger(host: string): Promise<{ readonly port: number; end(): Promise<void> }> {
  const script = `require('net').createServer().listen(0, '${host}', function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', script], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(process.getuid?.() === 0 && { uid: 1_900_000_000, gid: 1_900_000_000 }),
  });
  const [line] = await once(child.stdout, 'data');
  return {
    port: Number(line),
    async end() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

test.each(['127.0.0.1', '::1'])('a stranger who listens at %s is told; who is only connected is not', async (host) => {
  const { port, end } = await stranger(host);
  const visitor = connect(port, host);
  await once(visitor, 'connect');
  const listeners = new Listeners('127.0.0.1', socketOfRoot);
  expect(await listeners.isStrangerAt(port)).toBe(true);
  expect(await listeners.isStrangerAt(visitor.localPort ?? 0)).toBe(false);
  visitor.destroy();
  await end();
  // One look is one reading.
  expect(await listeners.isStrangerAt(port)).toBe(true);
  expect(await new Listeners('127.0.0.1', socketOfRoot).isStrangerAt(port)).toBe(false);
});

test('who listens for root, or cannot be known to be a stranger, is not accused', async () => {
  const { port, end } = await stranger('127.0.0.1');
  for (const host of ['127.8.8.8', '::1']) {
    expect(await new Listeners(host, socketOfRoot).isStrangerAt(port)).toBe(true);
  }
  for (const host of ['192.0.2.1', 'localhost', '']) {
    expect(await new Listeners(host, socketOfRoot).isStrangerAt(port)).toBe(false);
  }
  expect(await new Listeners('127.0.0.1', undefined).isStrangerAt(port)).toBe(false);
  expect(await new Listeners('127.0.0.1', '/no/socket').isStrangerAt(port)).toBe(false);
  await end();
  const own = createServer().listen(0, '127.0.0.1');
  await once(own, 'listening');
  const { port: ownPort } = own.address() as AddressInfo;
  const isRoot = process.getuid?.() === 0;
  expect(await new Listeners('127.0.0.1', socketOfRoot).isStrangerAt(ownPort)).toBe(!isRoot);
  own.close();
});
