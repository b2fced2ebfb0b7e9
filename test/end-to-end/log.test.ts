import { spawn } from 'node:child_process';
import { readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { freePort, removeDirectory, startServer, temporaryDirectory } from '../support/server.js';

const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));

it('serves, and ends, while whoever reads its log reads nothing', { timeout: 120_000 }, async () => {
  const server = await startServer();
  try {
    server.process.stderr?.pause();
    for (let request = 0; request < 1_000; request++) {
      const answer = await fetch(`${server.baseUrl}/healthz`, { signal: AbortSignal.timeout(10_000) });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    server.process.kill('SIGTERM');
    await expect.poll(() => server.process.exitCode, { timeout: 20_000 }).toBe(0);
  } finally {
    await server.stop('SIGKILL');
    await removeDirectory(dirname(server.dataDirectory));
  }
});

it('serves, and ends, on a disk that is full for its log and for all that it prints', {
  timeout: 120_000,
}, async () => {
  const directory = await temporaryDirectory();
  const port = await freePort();
  const server = spawn('sh', ['-c', 'exec "$0" "$1" serve > /dev/full 2>&1', process.execPath, uws], {
    env: { PATH: process.env.PATH ?? '', UWS_DATA_DIR: join(directory, 'data'), UWS_PORT: String(port) },
    stdio: 'ignore',
  });
  try {
    const status = () =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        (answer) => answer.status,
        () => 0,
      );
    await expect.poll(status, { timeout: 60_000 }).toBe(200);
    for (let request = 0; request < 50; request++) expect(await status()).toBe(200);
    server.kill('SIGTERM');
    await expect.poll(() => server.exitCode, { timeout: 20_000 }).toBe(0);
  } finally {
    server.kill('SIGKILL');
    await removeDirectory(directory);
  }
});

it('opens its log file anew on SIGHUP, and ends as ever on a signal for that', { timeout: 120_000 }, async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, 'log');
  const server = await startServer({ env: { UWS_LOG_FILE: file }, dataDirectory: join(directory, 'data') });
  try {
    await rename(file, `${file}.1`);
    server.process.kill('SIGHUP');
    const text = () => readFile(file, 'utf8').catch(() => '');
    await expect.poll(text, { timeout: 20_000 }).toContain('opened anew');
    expect((await fetch(`${server.baseUrl}/healthz`)).status).toBe(200);
    await server.stop();
    expect(server.process.exitCode).toBe(0);
    expect(await text()).toContain('the server stops');
  } finally {
    await server.stop('SIGKILL');
    await removeDirectory(directory);
  }
});

it('ends as ever on SIGHUP where it has no log file', { timeout: 120_000 }, async () => {
  const server = await startServer();
  try {
    await server.stop('SIGHUP');
    expect(server.process.exitCode).toBe(0);
    expect(server.output()).toContain('the server stops');
  } finally {
    await server.stop('SIGKILL');
    await removeDirectory(dirname(server.dataDirectory));
  }
});
