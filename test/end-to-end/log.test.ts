import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { removeDirectory, startServer } from '../support/server.js';

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
