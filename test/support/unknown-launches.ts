import type { Database } from '@user-workspaces/contract';
import { startJob, type User } from './users.js';

/** Launches that have ended and that no job knows, as after a backup of the database was restored; their keys. */
export async function makeUnknownLaunches(user: User, database: Database, count: number): Promise<string[]> {
  const keys: string[] = [];
  for (let made = 0; made < count; made += 1) {
    const { job } = await startJob(user, { job_type: 'web_app', job_details: { command: ['/bin/true'] } });
    await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 });
    const row = await database.findOne('jobs', { id: job.id });
    if (row) keys.push(row.launch_key);
    await database.transaction((rows) => rows.remove('jobs', { id: job.id }));
  }
  return keys;
}
