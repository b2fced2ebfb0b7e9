import { isActive } from '../../packages/server/src/views/job.js';
import { launchOf } from './invariants.js';
import type { Ledger } from './ledger.js';
import type { Models } from './models.js';

/** What is still under way: nothing, some time after the last fault. */
export function underWay(models: Models, nowMs: number): string[] {
  const { workspaces, jobs, shares } = models.database.rows;
  const found: string[] = [];
  for (const { id, status, status_reason, pending_changes, lease_owner, lease_until_ms } of workspaces.values()) {
    if (status !== 'idle' && status !== 'active' && status !== 'error')
      found.push(`workspace ${id} is ${status} (${status_reason})`);
    if (pending_changes) found.push(`workspace ${id} has changes to be put in place`);
    if (lease_until_ms > nowMs) found.push(`workspace ${id} is leased by ${lease_owner}`);
  }
  for (const row of jobs.values()) {
    const { id, status, queue_reason } = row;
    if (status === 'pending' || status === 'stopping') found.push(`job ${id} is ${status} (${queue_reason})`);
    if (status === 'running' && row.job_type === 'attended') found.push(`nobody uses job ${id}, and it runs`);
    if (status === 'running' && launchOf(models, row)?.state === 'ended')
      found.push(`job ${id} is running and has ended`);
    if (status === 'running' && row.session_base_path !== null && row.session_host === null) {
      found.push(`the session of job ${id} is not open`);
    }
  }
  for (const { id, work, mail_due, lease_owner, lease_until_ms } of shares.values()) {
    if (work !== 'none' || mail_due) found.push(`share ${id}: ${work}, mail ${mail_due}`);
    if (lease_until_ms > nowMs) found.push(`share ${id} is leased by ${lease_owner}`);
  }
  return found;
}

/** What does not hold once nothing is under way: rows against world, and both against what users were told. */
export function disagreements(models: Models, ledger: Ledger): string[] {
  return [
    ...directoryProblems(models),
    ...failedCopies(models),
    ...launchProblems(models),
    ...workspacePromises(models, ledger),
    ...jobPromises(models, ledger),
    ...sharePromises(models, ledger),
  ];
}

function directoryProblems({ database, storage }: Models): string[] {
  const { workspaces, uploads } = database.rows;
  const complete = [...workspaces.values()].filter(({ status }) => status !== 'error');
  const wanted = new Set(complete.map(({ location }) => location));
  const announced = new Set([...uploads.values()].map(({ upload_id }) => upload_id));
  return [
    ...[...storage.directories.keys()]
      .filter((name) => !wanted.has(name))
      .map((name) => `directory ${name} has no workspace`),
    ...[...wanted].filter((name) => !storage.directories.has(name)).map((name) => `directory ${name} is missing`),
    ...[...storage.staged.keys()].flatMap((key) => {
      const [location = '', uploadId = ''] = key.split(' ');
      return wanted.has(location) && announced.has(uploadId) ? [] : [`staged upload ${key} has no row`];
    }),
  ];
}

/** Only such copies are in error as cannot be made, they say so, and nothing of them counts. */
function failedCopies({ database, storage }: Models): string[] {
  const { workspaces, shares } = database.rows;
  return [...workspaces.values()].flatMap(({ id, status, status_reason, disk_space_bytes, location }) => {
    const share = [...shares.values()].find(({ shared_workspace_id }) => shared_workspace_id === id);
    const original = workspaces.get(share?.original_workspace_id ?? 0);
    const mayFail = share !== undefined && (storage.refuses(location) || !original || original.status === 'error');
    if (status !== 'error') {
      return share && storage.refuses(location) ? [`the copy ${id} cannot be made and is ${status}`] : [];
    }
    const isTold = status_reason !== null && disk_space_bytes === 0;
    return mayFail && isTold ? [] : [`workspace ${id} is in error (${status_reason}) with ${disk_space_bytes} bytes`];
  });
}

function launchProblems(models: Models): string[] {
  const { jobs, workspaces } = models.database.rows;
  const found: string[] = [];
  for (const row of jobs.values()) {
    const launch = launchOf(models, row);
    const state = launch?.state;
    if ((row.status === 'running') !== (state === 'running'))
      found.push(`job ${row.id} is ${row.status}, its launch ${state}`);
    if (state === 'ended' && launch?.startedAtMs !== null) {
      if (row.exit_code !== launch?.exitCode)
        found.push(`job ${row.id} ended with ${launch?.exitCode}, its row says ${row.exit_code}`);
      if (row.ended_at_ms !== launch?.endedAtMs) found.push(`job ${row.id} ended at another time than its row says`);
      if (row.status_reason === 'lost') found.push(`job ${row.id} is called lost and ended with ${launch?.exitCode}`);
    }
    if (row.status === 'failed' && row.status_reason === 'lost' && !launch)
      found.push(`job ${row.id} is lost and never was`);
    const isKept = launch !== undefined && !launch.isForgotten;
    if (isKept && !(row.is_remembered && workspaces.has(row.workspace_id)))
      found.push(`the launch of job ${row.id} was not forgotten`);
  }
  const keys = new Set([...jobs.values()].map(({ launch_key }) => launch_key));
  const launches = models.resources.flatMap((resource) => [...resource.launches.values()]);
  return [
    ...found,
    ...launches.filter(({ key }) => !keys.has(key)).map(({ jobId }) => `a launch of job ${jobId} has no row`),
  ];
}

function workspacePromises({ database, storage }: Models, ledger: Ledger): string[] {
  const found: string[] = [];
  for (const [id, { contents }] of ledger.workspaces) {
    const row = database.rows.workspaces.get(id);
    if (ledger.deleted.has(id)) {
      if (row) found.push(`workspace ${id} was to be deleted and is ${row.status}`);
      continue;
    }
    if (!row) {
      if (!ledger.maybeDeleted.has(id)) found.push(`workspace ${id} is gone, and nobody deleted it`);
      continue;
    }
    const content = storage.directories.get(row.location)?.files.get('a')?.content;
    const isKnown = content === undefined ? contents.size === 0 || !contents.has(row.name) : contents.has(content);
    if (!isKnown)
      found.push(`the file of workspace ${id} holds ${content}, which is none of ${[...contents].join(', ')}`);
  }
  return found;
}

function jobPromises({ database }: Models, ledger: Ledger): string[] {
  const found: string[] = [];
  for (const id of ledger.jobs) if (!database.rows.jobs.has(id)) found.push(`job ${id} was accepted and is not there`);
  for (const id of ledger.stopped) {
    const row = database.rows.jobs.get(id);
    if (row && isActive(row)) found.push(`job ${id} was to be stopped and is ${row.status}`);
  }
  for (const row of database.rows.jobs.values()) {
    if (row.status === 'running' && !database.rows.workspaces.has(row.workspace_id)) {
      found.push(`job ${row.id} runs in workspace ${row.workspace_id}, which is gone`);
    }
  }
  return found;
}

function sharePromises({ database, storage, mailer }: Models, ledger: Ledger): string[] {
  const found: string[] = [];
  const { workspaces, shares } = database.rows;
  for (const [copyId, { originalId, receiverId }] of ledger.shares) {
    const copy = workspaces.get(copyId);
    const share = [...shares.values()].find(({ shared_workspace_id }) => shared_workspace_id === copyId);
    if (ledger.cancelled.has(copyId) && !ledger.accepted.has(copyId)) {
      if (copy || share) found.push(`share of copy ${copyId} was cancelled and is there`);
      continue;
    }
    if (ledger.maybeCancelled.has(copyId) || ledger.maybeDeleted.has(copyId)) continue;
    if (!copy || !share) {
      found.push(`copy ${copyId} of workspace ${originalId} is not there`);
      continue;
    }
    if (copy.status === 'error') continue;
    if (ledger.accepted.has(copyId) && !copy.is_listed) found.push(`copy ${copyId} was accepted and is not listed`);
    if (!storage.directories.has(copy.location)) found.push(`copy ${copyId} has no files`);
    const receiver = database.rows.users.get(receiverId);
    const isTold = mailer.sent.some(
      (mail) => mail.startsWith(`${receiver?.email} `) && mail.includes(`"${copy.name}"`),
    );
    if (!isTold) found.push(`nobody wrote to ${receiver?.email} about copy ${copyId}`);
  }
  return found;
}
