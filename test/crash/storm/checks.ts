import { join } from 'node:path';
import type { EventRow } from '@user-workspaces/contract';
import { launchKeys, remains } from '../../support/put-away.js';
import { namesIn, settled, stagedIn, until } from '../invariants.js';
import type { Cluster } from './cluster.js';
import { requireGone } from './deeds/sessions.js';
import { insistOn } from './insist.js';
import type { Person } from './person.js';

/** How ends of jobs other than their program's own may be called where the disk was full: the program then never began. */
const neverBegan = 'launch_failed';

/** What a person was promised is there, once, and nothing else is. */
export async function promiseProblems(cluster: Cluster, person: Person): Promise<string[]> {
  const { promises, client, name } = person;
  const problems: string[] = [];
  const rows = await cluster.database.find('workspaces', { where: { user_id: person.userId, is_listed: true } });
  const present = new Set(rows.map(({ id }) => id));
  for (const { id } of promises.workspaces.values()) if (!present.has(id)) problems.push(`workspace ${id} is missing`);
  for (const id of present) if (!promises.workspaces.has(id)) problems.push(`workspace ${id} was never promised`);
  for (const workspace of promises.workspaces.values()) {
    for (const [path, { content }] of workspace.files) {
      const { value } = await insistOn(`reading ${path}`, () => client.files.readText(workspace.id, path)).catch(
        (error: unknown) => ({ value: String(error) }),
      );
      if (value !== content)
        problems.push(`${path} of workspace ${workspace.id}: ${JSON.stringify(value.slice(0, 80))}`);
    }
  }
  problems.push(...(await jobProblems(cluster, person)));
  for (const [key, ids] of promises.keys) if (ids.size > 1) problems.push(`the key ${key} made ${[...ids].join(', ')}`);
  return problems.map((problem) => `${name}: ${problem}`);
}

async function jobProblems({ database, disk }: Cluster, { promises, userId }: Person): Promise<string[]> {
  const jobs = await database.find('jobs', { where: { user_id: userId } });
  const unknown = jobs.filter(({ id }) => !promises.jobs.has(id)).map(({ id }) => `job ${id} was never promised`);
  const byId = new Map(jobs.map((row) => [row.id, row]));
  const wrong = [...promises.jobs.values()].flatMap(({ id, exitCode, mayBeStopped }) => {
    const row = byId.get(id);
    const byItself = row?.exit_code === exitCode && row.status === (exitCode === 0 ? 'complete' : 'failed');
    const wasStopped = mayBeStopped && row?.status === 'complete' && row.status_reason === 'stopped';
    const hadNoSpace =
      disk !== undefined &&
      row?.status === 'failed' &&
      row.status_reason === neverBegan &&
      // Its supervisor had begun when there was no space for the job's own files.
      (row.started_at_ms === null || row.status_message?.includes('may be full'));
    if (byItself || wasStopped || hadNoSpace) return [];
    const { status, status_reason, status_message, exit_code, started_at_ms } = row ?? {};
    return [
      `job ${id}, to end with ${exitCode}: ${JSON.stringify({ status, status_reason, status_message, exit_code, started_at_ms })}`,
    ];
  });
  return [...unknown, ...wrong];
}

/** A person's stream has brought every event once and in order, and the last one of each thing shows it as it is. */
export async function eventProblems({ database }: Cluster, person: Person): Promise<string[]> {
  const user = await database.findOne('users', { id: person.userId });
  const newest = user?.event_seq ?? 0;
  await until(
    `the last event of ${person.name}`,
    async () => ((person.events.at(-1)?.id ?? 0) >= newest ? true : undefined),
    45_000,
  ).catch(() => undefined);
  const rows = await database.find('events', { where: { user_id: person.userId }, orderBy: [['seq', 'asc']] });
  const ids = person.events.map(({ id }) => id);
  const wanted = rows.map(({ seq }) => seq);
  const problems: string[] = [];
  const firstWrong = wanted.findIndex((seq, index) => ids[index] !== seq);
  if (firstWrong >= 0 || ids.length !== wanted.length) {
    problems.push(
      `the stream brought ${ids.length} events of ${wanted.length}; the first difference is at ${firstWrong}: ${ids[firstWrong]} instead of ${wanted[firstWrong]}`,
    );
  }
  problems.push(...contentProblems(person, rows), ...(await foldProblems(database, person)));
  return problems.map((problem) => `${person.name}: ${problem}`);
}

function contentProblems({ events }: Person, rows: readonly EventRow[]): string[] {
  return events.flatMap((event, index) => {
    const row = rows[index];
    return row && row.type === event.type
      ? []
      : [`event ${event.id} came as ${event.type} and is stored as ${row?.type}`];
  });
}

/** The last event of each workspace and job says of it what its row says. */
async function foldProblems(database: Cluster['database'], { events, userId }: Person): Promise<string[]> {
  const jobs = new Map<number, string>();
  const workspaces = new Map<number, string>();
  for (const event of events) {
    if (event.type === 'job.changed') jobs.set(event.job.id, `${event.job.status} ${event.job.exit_code}`);
    if (event.type === 'workspace.changed') workspaces.set(event.workspace.id, event.workspace.status);
    if (event.type === 'workspace.deleted') workspaces.delete(event.workspace_id);
  }
  const jobRows = await database.find('jobs', { where: { user_id: userId } });
  const workspaceRows = await database.find('workspaces', { where: { user_id: userId, is_listed: true } });
  const shown = new Map(workspaceRows.map(({ id, status }) => [id, status]));
  return [
    ...jobRows
      .filter((row) => jobs.get(row.id) !== `${row.status} ${row.exit_code}`)
      .map((row) => `the last event of job ${row.id} says ${jobs.get(row.id)}, its row ${row.status} ${row.exit_code}`),
    ...[...new Set([...workspaces.keys(), ...shown.keys()])]
      .filter((id) => workspaces.get(id) !== shown.get(id))
      .map((id) => `the last event of workspace ${id} says ${workspaces.get(id)}, its row ${shown.get(id)}`),
  ];
}

/** No server leads into a session that has ended, and each says so. */
export async function sessionProblems({ replicas }: Cluster, persons: readonly Person[]): Promise<string[]> {
  const sessions = persons.flatMap(({ promises }) => promises.endedSessions);
  const found = sessions.flatMap((session) =>
    replicas.map(async ({ port }) => {
      const status = await requireGone(session, `http://127.0.0.1:${port}`);
      return status === 404 ? [] : [`the session of job ${session.jobId}, which has ended, is answered with ${status}`];
    }),
  );
  return (await Promise.all(found)).flat();
}

/** Of each copy that is there its receiver was told. */
export function mailProblems({ mail }: Cluster, persons: readonly Person[]): string[] {
  return persons.flatMap(({ name: receiver, promises }) =>
    [...promises.announced.values()]
      .filter((name) => !mail.mails.some((text) => text.includes(`"${name}"`) && text.includes(`${receiver}@`)))
      .map((name) => `no mail told ${receiver} of ${name}`),
  );
}

/** Everybody deletes everything; then nothing is left of it anywhere. */
export async function leftovers(cluster: Cluster, persons: readonly Person[]): Promise<string[]> {
  const { database, data } = cluster;
  const keys = await launchKeys(data);
  await Promise.all(
    persons.map(async ({ client, promises }) => {
      for (const { sharedWorkspaceId } of promises.inbox) {
        await insistOn(`declining ${sharedWorkspaceId}`, () => client.shares.delete(sharedWorkspaceId));
      }
    }),
  );
  await Promise.all(
    persons.map(async ({ client, promises }) => {
      for (const id of promises.workspaces.keys()) {
        await insistOn(`deleting workspace ${id}`, () => client.workspaces.delete(id, { force: true }));
      }
    }),
  );
  await settled(cluster, 60_000);
  const problems: string[] = [];
  for (const table of ['workspaces', 'shares', 'uploads'] as const) {
    const count = await database.count(table, {});
    if (count > 0) problems.push(`${count} rows are left in ${table}`);
  }
  const accounts = await namesIn(join(data, 'workspaces'));
  for (const account of accounts.filter((name) => name !== '.staging')) {
    for (const name of await namesIn(join(data, 'workspaces', account)))
      problems.push(`left: workspaces/${account}/${name}`);
  }
  // An empty directory is what a killed server had just begun with: a start that finds it older than ninety days removes it.
  for (const [name, names] of await stagedIn(data)) {
    if (names.length > 0) problems.push(`left: workspaces/.staging/${name}: ${names.join(', ')}`);
  }
  for (const name of await namesIn(join(data, 'launches'))) {
    // What a killed server had half made or half removed goes with a start that finds it older than a minute.
    const isUnfinished = name.startsWith('.new-') || name.startsWith('.gone-');
    if (name !== '.changed' && !isUnfinished) problems.push(`left: launches/${name}`);
  }
  const marks = await namesIn(join(data, 'launches', '.changed'));
  if (marks.length > 0) problems.push(`left: ${marks.length} marks of launches`);
  const servers = new Set(cluster.replicas.map(({ pid }) => `process ${pid}:`));
  const running = await remains(data, keys);
  problems.push(
    ...running.filter((line) => ![...servers].some((server) => line.startsWith(server))).map((line) => `left: ${line}`),
  );
  return problems;
}
