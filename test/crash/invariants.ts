import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database, JobRow } from '@user-workspaces/contract';
import { launchKeys } from '../support/put-away.js';
import { processesBelow } from '../support/server.js';

/** Where servers keep what is looked at here. */
export interface Place {
  /** Holds `workspaces` and `launches`. */
  readonly data: string;
  /** Holds a file for each job, with a line for each time that its program was started. */
  readonly starts: string;
  readonly database: Database;
}

/** Asks until there is an answer other than `undefined`. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, patienceMs = 10_000): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms.`);
    await delay(20);
  }
}

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
export async function startsOf(place: Place, jobId: number): Promise<number> {
  if (!(await namesIn(place.starts)).includes(String(jobId))) return 0;
  return (await readFile(join(place.starts, String(jobId)), 'utf8')).split('\n').length - 1;
}

/** Waits until nothing is under way any more: what the rows say has been done. */
export async function settled(place: Place, patienceMs = 20_000): Promise<void> {
  await until(
    'the work comes to rest',
    async () => ((await underWay(place)).length === 0 ? true : undefined),
    patienceMs,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)} Still under way: ${(await underWay(place)).join('; ')}`);
  });
}

async function underWay(place: Place): Promise<string[]> {
  const nowMs = Date.now();
  const [workspaces, jobs, shares] = await Promise.all([
    place.database.find('workspaces', {}),
    place.database.find('jobs', {}),
    place.database.find('shares', {}),
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
export async function violations(place: Place): Promise<string[]> {
  // A survey may come between two readings, and a process may take a moment to be gone.
  let found: string[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    found = await look(place);
    if (found.length === 0) return [];
    await delay(100);
  }
  return found;
}

async function look(place: Place): Promise<string[]> {
  const jobs = await place.database.find('jobs', {});
  return [
    ...(await eventProblems(place)),
    ...(await directoryProblems(place)),
    ...(await launchProblems(place, jobs)),
    ...(await startProblems(place, jobs)),
    ...(await workspaceProblems(place, jobs)),
    ...(await stagingProblems(place)),
  ];
}

/** Each user's events are numbered without a gap, up to the user's counter. */
async function eventProblems({ database }: Place): Promise<string[]> {
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
async function directoryProblems({ data, database }: Place): Promise<string[]> {
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
async function launchProblems({ data, database }: Place, jobs: readonly JobRow[]): Promise<string[]> {
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
async function startProblems(place: Place, jobs: readonly JobRow[]): Promise<string[]> {
  const known = new Set(jobs.map(({ id }) => String(id)));
  const unknown = (await namesIn(place.starts)).filter((name) => !known.has(name));
  const problems = jobs.map(async (job) => {
    const starts = await startsOf(place, job.id);
    const hasRun = job.started_at_ms !== null;
    // A job that was stopped at once may have ended before its program's first line.
    const allowed =
      !hasRun || job.status_reason === 'launch_failed' ? [0] : job.status_reason === 'stopped' ? [0, 1] : [1];
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
async function workspaceProblems({ database }: Place, jobs: readonly JobRow[]): Promise<string[]> {
  const rows = await database.find('workspaces', {});
  return rows.flatMap(({ id, status }) => {
    const isActive = jobs.some((job) => job.workspace_id === id && job.status === 'running');
    return (status === 'active') === isActive ? [] : [`workspace ${id} is ${status}`];
  });
}

/**
 * What is staged, by the name that stands for its workspace. A file in place of a directory is what a killed server had written to see whether it can write: a start
 * that finds it older than ninety days removes it.
 */
export async function stagedIn(data: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const root = join(data, 'workspaces', '.staging');
  const staged = new Map<string, readonly string[]>();
  for (const name of await namesIn(root)) {
    const isDirectory = (await stat(join(root, name)).catch(() => undefined))?.isDirectory();
    if (isDirectory) staged.set(name, await namesIn(join(root, name)));
  }
  return staged;
}

/** What is staged under an upload's id has its row, by which it is removed one day; staging of workspaces that are gone is gone. */
async function stagingProblems({ data, database }: Place): Promise<string[]> {
  const announced = new Set((await database.find('uploads', {})).map(({ upload_id }) => upload_id));
  const uploads = [...(await stagedIn(data)).values()].flat().filter((name) => /^[0-9a-f]{32}$/.test(name));
  return uploads.filter((name) => !announced.has(name)).map((name) => `staged upload ${name} has no row`);
}

function differences(what: string, present: ReadonlySet<string>, wanted: ReadonlySet<string>): string[] {
  return [
    ...[...present].filter((name) => !wanted.has(name)).map((name) => `${what} ${name} should not be there`),
    ...[...wanted].filter((name) => !present.has(name)).map((name) => `${what} ${name} is missing`),
  ];
}

/** Ends what a test that failed has left of jobs and servers: processes that name this place, or one of its launches. */
export async function endLeftProcesses({ data }: Pick<Place, 'data'>): Promise<void> {
  for (const pid of await processesBelow(data, await launchKeys(data))) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // With the first process of a job its others are gone.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
