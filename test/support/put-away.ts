import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processesBelow, type RunningServer, removeDirectory } from './server.js';
import type { User } from './users.js';

const controlGroups = ['memory/user-workspaces', 'cpu/user-workspaces', 'user-workspaces'].map((name) => `/sys/fs/cgroup/${name}`);

/** Names of the control groups that launches have at present, of all servers of this machine. */
export async function presentControlGroups(): Promise<string[]> {
  const lists = await Promise.all(
    controlGroups.map((directory) => readdir(directory, { withFileTypes: true }).catch(() => [])),
  );
  return lists.flatMap((entries) => entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
}

/** Stops every job of the users and waits until they have ended. */
export async function stopJobs(users: readonly Pick<User, 'client'>[]): Promise<void> {
  await Promise.all(
    users.map(async ({ client }) => {
      for await (const job of client.jobs.list()) {
        if (job.status === 'complete' || job.status === 'failed') continue;
        if (job.status !== 'stopping') await client.jobs.stop(job.id);
        await client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 });
      }
    }),
  );
}

/** Stops the users' jobs and the server, removes its directory, and returns the processes that are left: none, if all is well. */
export async function putAway(server: RunningServer, users: readonly Pick<User, 'client'>[]): Promise<string[]> {
  await stopJobs(users);
  await server.stop();
  const left = await remainingProcesses(server.dataDirectory);
  await removeDirectory(dirname(server.dataDirectory));
  return left;
}

/** Processes that still name the directory after a second's patience, as their command lines. */
export async function remainingProcesses(directory: string): Promise<string[]> {
  let left: number[] = [];
  for (let attempt = 0; attempt < 10; attempt++) {
    left = await processesBelow(directory);
    if (left.length === 0) return [];
    await delay(100);
  }
  return left.map((pid) => `process ${pid} of ${join(directory)}`);
}
