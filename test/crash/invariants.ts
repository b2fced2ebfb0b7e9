import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobRow } from '@user-workspaces/contract';
import { processesBelow } from '../support/server.js';
import { type Bench, until } from './bench.js';

/** Names in a directory; none where it does not exist. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** How often a job's program was started. */
export async function startsOf(bench: Bench, jobId: number): Promise<number> {
  if (!(await namesIn(join(bench.data, 'starts'))).includes(String(jobId))) return 0;
  return (await readFile(join(bench.data, 'starts', String(jobId)), 'utf8')).split('\n').length - 1;
}

/** Waits until nothing is under way any more: what the rows say has been done. */
export async function settled(bench: Bench): Promise<void> {
  await until(
    'the work comes to rest',
    async () => ((await underWay(bench)).length === 0 ? true : undefined),
    20_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)} Still under way: ${(await underWay(bench)).join('; ')}`);
  });
}

async function underWay(bench: Bench): Promise<string[]> {
  const nowMs = Date.now();
  const [workspaces, jobs, shares] = await Promise.all([
    bench.database.find('workspaces', {}),
    bench.database.find('jobs', {}),
    bench.database.find('shares', {}),
  ]);
  const found: string[] = [];
  for (const { id, status, pending_changes, lease_until_ms } of workspaces) {
    if (status === 'deleting' || status === 'initializing') found.push(`workspace ${id} is ${status}`);
    if (pending_changes) found.push(`workspace ${id} has changes to be put in place`);
    if (lease_until_ms > nowMs) found.push(`workspace ${id} is leased`);
  }
  for (const { id, status } of jobs) {
    if (status === 'pending' || status === 'stopping') found.push(`job ${id} is ${status}`);
  }
  for (const { id, work, mail_due, lease_until_ms } of shares) {
    if (work !== 'none' || mail_due) found.push(`share ${id}: ${work}, mail ${mail_due}`);
    if (lease_until_ms > nowMs) found.push(`share ${id} is leased`);
  }
  return found;
}

/** What must hold of a settled server's rows, files and processes, whatever happened before. Gives what does not. */
export async function violations(bench: Bench): Promise<string[]> {
  // A survey may come between two readings, and a process may take a moment to be gone.
  let found: string[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    found = await look(bench);
    if (found.length === 0) return [];
    await delay(100);
  }
  return found;
}

async function look(bench: Bench): Promise<string[]> {
  const jobs = await bench.database.find('jobs', {});
  return [
    ...(await eventProblems(bench)),
    ...(await directoryProblems(bench)),
    ...(await launchProblems(bench, jobs)),
    ...(await startProblems(bench, jobs)),
    ...(await workspaceProblems(bench, jobs)),
    ...(await stagingProblems(bench)),
  ];
}

/** Each user's events are numbered without a gap, up to the user's counter. */
async function eventProblems({ database }: Bench): Promise<string[]> {
  const users = await database.find('users', {});
  const problems = users.map(async ({ id, username, event_seq }) => {
    const events = await database.find('events', { where: { user_id: id }, orderBy: [['seq', 'asc']] });
    const gap = events.findIndex(({ seq }, index) => seq !== index + 1);
    if (gap >= 0) return [`${username}'s events have a gap at ${gap + 1}`];
    return events.length === event_seq ? [] : [`${username} has ${events.length} events and counts ${event_seq}`];
  });
  return (await Promise.all(problems)).flat();
}

/** Each workspace has its directory, and there is no other. */
async function directoryProblems({ data, database }: Bench): Promise<string[]> {
  const root = join(data, 'workspaces');
  const accounts = (await namesIn(root)).filter((name) => name !== '.staging');
  const present = await Promise.all(
    accounts.map(async (account) => (await namesIn(join(root, account))).map((name) => join(root, account, name))),
  );
  const rows = await database.find('workspaces', {});
  return [
    ...differences('directory', new Set(present.flat()), new Set(rows.map(({ location }) => location))),
    ...rows.filter(({ status }) => status === 'error').map(({ id }) => `workspace ${id} is in error`),
  ];
}

/** Each job that was launched and not forgotten has its record, and there is no other; only running jobs have processes. */
async function launchProblems({ data, database }: Bench, jobs: readonly JobRow[]): Promise<string[]> {
  const root = join(data, 'launches');
  const names = (await namesIn(root)).filter((name) => !name.startsWith('.'));
  const wanted = jobs.filter(({ launch_begun, is_remembered }) => launch_begun && is_remembered);
  const workspaces = new Set((await database.find('workspaces', {})).map(({ id }) => id));
  const running = jobs.filter(({ status }) => status === 'running');
  const idle = names.filter((name) => !running.some(({ launch_key }) => launch_key === name));
  const left = idle.length === 0 ? [] : await processesBelow(idle[0] ?? '', idle.slice(1));
  return [
    ...differences('launch record', new Set(names), new Set(wanted.map(({ launch_key }) => launch_key))),
    ...left.map((pid) => `process ${pid} belongs to a job that does not run`),
    ...wanted
      .filter(({ workspace_id }) => !workspaces.has(workspace_id))
      .map(({ id }) => `job ${id} was not forgotten`),
  ];
}

/** A job that ran was started once; one that never ran was not. */
async function startProblems(bench: Bench, jobs: readonly JobRow[]): Promise<string[]> {
  const known = new Set(jobs.map(({ id }) => String(id)));
  const unknown = (await namesIn(join(bench.data, 'starts'))).filter((name) => !known.has(name));
  const problems = jobs.map(async (job) => {
    const starts = await startsOf(bench, job.id);
    const hasRun = job.started_at_ms !== null;
    // A job that was stopped at once may have ended before its program's first line.
    const allowed = !hasRun ? [0] : job.status_reason === 'stopped' ? [0, 1] : [1];
    return allowed.includes(starts)
      ? []
      : [`job ${job.id} (${job.status}, ${job.status_reason}) was started ${starts} times`];
  });
  return [
    ...unknown.map((name) => `job ${name} was started and is not known`),
    ...(await Promise.all(problems)).flat(),
  ];
}

/** A workspace is active exactly while one of its jobs is. */
async function workspaceProblems({ database }: Bench, jobs: readonly JobRow[]): Promise<string[]> {
  const rows = await database.find('workspaces', {});
  return rows.flatMap(({ id, status }) => {
    const isActive = jobs.some((job) => job.workspace_id === id && job.status === 'running');
    return (status === 'active') === isActive ? [] : [`workspace ${id} is ${status}`];
  });
}

/** What is staged under an upload's id has its row, by which it is removed one day; staging of workspaces that are gone is gone. */
async function stagingProblems({ data, database }: Bench): Promise<string[]> {
  const root = join(data, 'workspaces', '.staging');
  const announced = new Set((await database.find('uploads', {})).map(({ upload_id }) => upload_id));
  const problems = (await namesIn(root)).map(async (location) => {
    const names = (await namesIn(join(root, location))).filter((name) => /^[0-9a-f]{32}$/.test(name));
    return names.filter((name) => !announced.has(name)).map((name) => `staged upload ${name} has no row`);
  });
  return (await Promise.all(problems)).flat();
}

function differences(what: string, present: ReadonlySet<string>, wanted: ReadonlySet<string>): string[] {
  return [
    ...[...present].filter((name) => !wanted.has(name)).map((name) => `${what} ${name} should not be there`),
    ...[...wanted].filter((name) => !present.has(name)).map((name) => `${what} ${name} is missing`),
  ];
}
