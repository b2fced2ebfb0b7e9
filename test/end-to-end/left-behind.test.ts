// A server that did all it can do and was stopped leaves nothing on the machine.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeTestConfiguration } from '../support/configuration.js';
import { launchKeys, putAway, remains } from '../support/put-away.js';
import { startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob, startSession } from '../support/users.js';
import { visit } from '../support/visit.js';

/** Files below a directory, by their paths in it. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1)).sort();
}

test('jobs of every way to end, transfers that broke, deleted workspaces: no process, control group or file is left', async () => {
  const root = await temporaryDirectory();
  const temporary = join(root, 'tmp');
  await mkdir(temporary, { mode: 0o1777 });
  const dataDirectory = join(root, 'data');
  const env = { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1', TMPDIR: temporary };
  let server = await startServer({ dataDirectory, env });
  onTestFinished(async () => {
    await putAway(server, []);
  });
  const ada = await signIn(server);
  const shell = (script: string, memoryMb = 256) =>
    startJob(ada, {
      job_type: 'web_app',
      job_details: { command: ['/bin/sh', '-c', script] },
      resource_options: { memory_mb: memoryMb },
    });
  const started = await Promise.all([
    shell('exit 0'),
    shell('exit 9'),
    shell('kill -KILL $$'),
    shell('x=$(head -c 200M /dev/zero | tr "\\0" x); echo "$x" | wc -c', 32),
    shell('trap "" TERM; (setsid sh -c "trap : TERM; sleep 700") & sleep 700; sleep 700'),
    startJob(ada, { job_type: 'web_app', job_details: { command: ['no-such-program'] } }),
    startJob(ada, { job_type: 'terminal' }),
  ]);
  const terminal = await startSession(ada, { job_type: 'terminal' }, [{ name: 'kept.txt', content: 'kept' }]);
  await (await visit(terminal.session.url)).response.text();
  const upload = new AbortController();
  const given = ada.client.files.upload(terminal.workspace.id, 'broken.bin', new Blob([Buffer.alloc(3_000_000)]), {
    chunkSizeBytes: 1_000_000,
    signal: upload.signal,
    onProgress: ({ transferredBytes }) => {
      if (transferredBytes > 0) upload.abort();
    },
  });
  await expect(given).rejects.toMatchObject({ code: 'aborted' });

  const keys = await launchKeys(dataDirectory);
  expect(keys.length).toBe(started.length + 1);
  expect(await remains(dataDirectory, keys), 'that a look for what is left sees what is there').not.toEqual([]);

  // A kill of the server changes nothing about what it has to put away.
  await server.stop('SIGKILL');
  server = await startServer({ dataDirectory, env, port: server.port });
  for (const { job } of [...started, terminal]) {
    const { status } = await ada.client.jobs.get(job.id);
    if (status === 'pending' || status === 'running') await ada.client.jobs.stop(job.id);
    await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 20_000 });
  }
  // The server itself is all that is left now.
  await expect.poll(async () => (await remains(dataDirectory, keys)).length, { timeout: 10_000 }).toBe(1);

  for (const { workspace } of [...started, terminal]) await ada.client.workspaces.delete(workspace.id);
  await expect.poll(async () => (await ada.client.workspaces.list()).items, { timeout: 10_000 }).toEqual([]);
  expect((await ada.client.jobs.list()).items).toHaveLength(keys.length);
  await expect.poll(() => launchKeys(dataDirectory), { timeout: 10_000 }).toEqual([]);
  await server.stop();
  expect(server.process.exitCode).toBe(0);

  expect(await remains(dataDirectory, keys)).toEqual([]);
  expect(await filesBelow(temporary)).toEqual([]);
  expect(await filesBelow(join(dataDirectory, 'launches'))).toEqual(['main_resource', 'main_resource/.changed']);
  expect(await filesBelow(join(dataDirectory, 'workspaces'))).toEqual(['.staging', 'ada']);
});
