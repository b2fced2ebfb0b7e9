import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserWorkspacesError } from '@user-workspaces/client';
import { processesBelow, type RunningServer, removeDirectory } from './server.js';
import type { User } from './users.js';

const controlGroups = ['memory/user-workspaces', 'cpu/user-workspaces', 'user-workspaces'].map(
  (name) => `/sys/fs/cgroup/${name}`,
);

/** A launch's key, which no other process of the machine has in its command line by chance. */
const launchKey = /^[0-9a-f]{32}$/;

/** The launches that a server keeps records of, by their keys: directly, or by resource. */
export async function launchKeys(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(join(dataDirectory, 'launches'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries.filter((entry) => entry.isDirectory() && launchKey.test(entry.name)).map(({ name }) => name);
}

/** Stops every job of the users and waits until they have ended. */
export async function stopJobs(users: readonly Pick<User, 'client'>[]): Promise<void> {
  for (const { client } of users) {
    const active = (await client.jobs.list()).items.filter(
      ({ status }) => status !== 'complete' && status !== 'failed',
    );
    for (const job of active) {
      if (job.status === 'stopping') continue;
      await client.jobs.stop(job.id).catch((error: unknown) => {
        // It has ended by itself since.
        if (!(error instanceof UserWorkspacesError && error.code === 'job_not_active')) throw error;
      });
    }
    for (const job of active) await client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 });
  }
}

/**
 * Stops the users' jobs and the server, removes its directory, and tells what is left on the machine: nothing, if all is well. Processes that
 * are left are ended all the same, so that a failed test does not burden the next one.
 */
export async function putAway(server: RunningServer, users: readonly Pick<User, 'client'>[]): Promise<string[]> {
  const problems: string[] = [];
  await stopJobs(users).catch((error: unknown) => problems.push(`The jobs could not be stopped: ${String(error)}`));
  const keys = await launchKeys(server.dataDirectory);
  await server.stop();
  problems.push(...(await remains(server.dataDirectory, keys)));
  for (const pid of await processesBelow(server.dataDirectory, keys)) kill(pid);
  await removeDirectory(dirname(server.dataDirectory));
  return problems;
}

/** Processes and control groups of a stopped server's jobs that are there after two seconds' patience. */
export async function remains(dataDirectory: string, keys: readonly string[]): Promise<string[]> {
  let left: string[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    const pids = await processesBelow(dataDirectory, keys);
    const groups = (await presentControlGroups()).filter((path) => keys.some((key) => path.endsWith(key)));
    left = [...(await Promise.all(pids.map(describeProcess))), ...groups];
    if (left.length === 0) return [];
    await delay(100);
  }
  return left;
}

async function presentControlGroups(): Promise<string[]> {
  const lists = await Promise.all(
    controlGroups.map(async (directory) => {
      const names = await readdir(directory).catch(() => []);
      return names.map((name) => join(directory, name));
    }),
  );
  return lists.flat();
}

async function describeProcess(pid: number): Promise<string> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return `process ${pid}: ${commandLine.replaceAll('\0', ' ')}`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
