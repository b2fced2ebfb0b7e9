import { randomUUID } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobRow, WorkspaceRow } from '@user-workspaces/contract';
import { namesIn, settled, startsOf, until } from '../invariants.js';
import type { Answered, Bench, SendOptions } from './bench.js';

/** Whether a request's effect is there; anything in between is an error that `look` throws. */
export type Effect = 'done' | 'undone';

/** One request, made when the server is about to die. */
export interface Operation {
  readonly name: string;
  /** Makes what the request needs, and gives the request. */
  prepare(bench: Bench): Promise<Prepared>;
}

export interface Prepared {
  act(): Promise<Answered | undefined>;
  look(): Promise<Effect>;
  /** Repeated after it was done, it is answered with success and does nothing twice: it states a result, or carries an Idempotency-Key. */
  readonly repeatable?: boolean;
}

const oldText = 'as it was';
const newText = 'as it shall be'.repeat(1000);

function unique(name: string): string {
  return `${name} ${randomUUID()}`;
}

async function must(answer: Promise<Answered | undefined>): Promise<Answered> {
  const answered = await answer;
  if (answered?.status !== 200) throw new Error(`Not answered as hoped: ${JSON.stringify(answered)}`);
  return answered;
}

interface File {
  readonly name: string;
  readonly content: string;
}

function workspaceBody(bench: Bench, name: string, files: readonly File[]): Record<string, unknown> {
  const symlinks = [{ name: 'datasets/one', source_path: join(bench.data, 'links') }];
  return { name, description: '', workspace_details: { files, symlinks } };
}

const firstFiles: readonly File[] = [
  { name: 'notes/first.txt', content: oldText },
  { name: 'empty.txt', content: '' },
];

/** A workspace with files, after everything about it has come to rest. */
async function makeWorkspace(bench: Bench, files: readonly File[] = firstFiles): Promise<WorkspaceRow> {
  const name = unique('workspace');
  await must(bench.send('ada', 'POST', '/workspaces/', { body: workspaceBody(bench, name, files) }));
  // Its first survey is a change of the row, too.
  return until('the survey', async () => {
    const row = await bench.database.findOne('workspaces', { name });
    return Array.isArray(row?.current_details.files) && row.current_details.files.length > 0 ? row : undefined;
  });
}

async function startJob(bench: Bench, workspace: WorkspaceRow, details: Record<string, number>): Promise<JobRow> {
  const body = { job_type: 'counting', job_details: details, resource_options: { time_limit_minutes: 5 } };
  await must(bench.send('ada', 'PUT', `/workspaces/${workspace.id}/start/`, { body }));
  return until('the start', async () => {
    const job = await jobOf(bench, workspace);
    // A short one may have ended before anybody looks.
    const hasBegun = job?.status === 'running' || job?.status === 'complete';
    return hasBegun && (await startsOf(bench, job.id)) === 1 ? job : undefined;
  });
}

async function jobOf(bench: Bench, workspace: WorkspaceRow): Promise<JobRow | undefined> {
  const jobs = await bench.database.find('jobs', { where: { workspace_id: workspace.id } });
  if (jobs.length > 1) throw new Error(`Workspace ${workspace.id} has ${jobs.length} jobs.`);
  return jobs[0];
}

async function textOf(workspace: WorkspaceRow, path: string): Promise<string | undefined> {
  try {
    return await readFile(join(workspace.location, path), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** All of these hold, or none does. */
function wholly(facts: Readonly<Record<string, boolean>>): Effect {
  const values = Object.values(facts);
  if (values.every((value) => value)) return 'done';
  if (values.every((value) => !value)) return 'undone';
  throw new Error(`Half done: ${JSON.stringify(facts)}`);
}

async function expectFirstFiles(workspace: WorkspaceRow): Promise<void> {
  for (const { name, content } of firstFiles) {
    const present = await textOf(workspace, name);
    if (present !== content) throw new Error(`${name} of workspace ${workspace.id} holds ${JSON.stringify(present)}`);
  }
}

export const createWorkspace: Operation = {
  name: 'create a workspace',
  async prepare(bench) {
    const name = unique('created');
    const request: SendOptions = {
      body: workspaceBody(bench, name, firstFiles),
      headers: { 'Idempotency-Key': name },
    };
    return {
      repeatable: true,
      act: () => bench.send('ada', 'POST', '/workspaces/', request),
      async look() {
        const rows = await bench.database.find('workspaces', { where: { name } });
        if (rows.length > 1) throw new Error(`There are ${rows.length} of it.`);
        const [row] = rows;
        if (!row) return 'undone';
        await expectFirstFiles(row);
        await readlink(join(row.location, 'datasets/one'));
        return 'done';
      },
    };
  },
};

export const updateWorkspace: Operation = {
  name: 'update a workspace',
  async prepare(bench) {
    const workspace = await makeWorkspace(bench);
    const name = unique('renamed');
    const files = [
      { name: 'notes/first.txt', content: newText },
      { name: 'more/second.txt', content: newText },
      { name: 'none.txt', content: '' },
    ];
    const symlinks = [{ name: 'datasets/two', source_path: join(bench.data, 'links') }];
    return {
      act: () =>
        bench.send('ada', 'PUT', `/workspaces/${workspace.id}/`, {
          body: { name, workspace_details: { files, symlinks } },
        }),
      async look() {
        const row = await bench.database.findOne('workspaces', { id: workspace.id });
        const first = await textOf(workspace, 'notes/first.txt');
        if (first !== oldText && first !== newText) throw new Error('The file is neither the old nor the new one.');
        return wholly({
          name: row?.name === name,
          first: first === newText,
          second: (await textOf(workspace, 'more/second.txt')) === newText,
          empty: (await textOf(workspace, 'none.txt')) === '',
          link: (await namesIn(join(workspace.location, 'datasets'))).includes('two'),
        });
      },
    };
  },
};

export const uploadFiles: Operation = {
  name: 'upload files',
  async prepare(bench) {
    const workspace = await makeWorkspace(bench);
    const part = (name: string): string =>
      `--B\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${newText}\r\n`;
    const request = {
      body: `${part('one.txt')}${part('two.txt')}--B--\r\n`,
      headers: { 'Content-Type': 'multipart/form-data; boundary=B' },
    };
    return {
      act: () => bench.send('ada', 'PUT', `/workspaces/${workspace.id}/upload/`, request),
      look: async () =>
        wholly({
          one: (await textOf(workspace, 'one.txt')) === newText,
          two: (await textOf(workspace, 'two.txt')) === newText,
        }),
    };
  },
};

export const startWorkspace: Operation = {
  name: 'start a job',
  async prepare(bench) {
    const workspace = await makeWorkspace(bench);
    const request: SendOptions = {
      body: { job_type: 'counting', job_details: { seconds: 100 }, resource_options: { time_limit_minutes: 5 } },
      headers: { 'Idempotency-Key': unique('start') },
    };
    return {
      repeatable: true,
      act: () => bench.send('ada', 'PUT', `/workspaces/${workspace.id}/start/`, request),
      async look() {
        const job = await jobOf(bench, workspace);
        if (!job) return 'undone';
        if (job.status !== 'running') throw new Error(`The job is ${job.status}: ${job.status_message}`);
        await until('its first line', async () => ((await startsOf(bench, job.id)) > 0 ? true : undefined));
        return 'done';
      },
    };
  },
};

function stopping(name: string, details: Record<string, number>): Operation {
  return {
    name,
    async prepare(bench) {
      const job = await startJob(bench, await makeWorkspace(bench), { seconds: 100, ...details });
      return {
        act: () => bench.send('ada', 'PUT', `/jobs/${job.id}/stop/`),
        async look() {
          const row = await bench.database.findOne('jobs', { id: job.id });
          if (row?.status === 'running') return 'undone';
          if (row?.status === 'complete' && row.status_reason === 'stopped') return 'done';
          throw new Error(`The job is ${row?.status}: ${row?.status_message}`);
        },
      };
    },
  };
}

export const stopJob = stopping('stop a job', {});
export const stopDeafJob = stopping('stop a job that does not listen', { deaf: 1 });

export const extendJob: Operation = {
  name: 'extend a job',
  async prepare(bench) {
    const job = await startJob(bench, await makeWorkspace(bench), { seconds: 100 });
    const endsAtMs = (job.started_at_ms ?? 0) + 7 * 60_000;
    return {
      repeatable: true,
      act: () => bench.send('ada', 'PUT', `/jobs/${job.id}/extend/`, { body: { time_limit_minutes: 7 } }),
      async look() {
        const row = await bench.database.findOne('jobs', { id: job.id });
        // The resource keeps whole seconds.
        const hasLimit = Math.abs((row?.ends_at_ms ?? 0) - endsAtMs) < 2_000;
        // A limit that only the resource has is shown as it is, and the same request brings the rest.
        return hasLimit && row?.resource_options.time_limit_minutes === 7 ? 'done' : 'undone';
      },
    };
  },
};

export const jobEnds: Operation = {
  name: 'a job ends by itself',
  async prepare(bench) {
    const workspace = await makeWorkspace(bench);
    const job = await startJob(bench, workspace, { seconds: 0.7, exit_code: 3 });
    return {
      act: async () => {
        await until('the end', async () => {
          const row = await bench.database.findOne('jobs', { id: job.id });
          return row?.ended_at_ms != null || !bench.isAlive ? true : undefined;
        });
        return { status: 200, body: {} };
      },
      async look() {
        const row = await until('its end', async () => {
          const found = await bench.database.findOne('jobs', { id: job.id });
          return found?.status === 'running' ? undefined : found;
        });
        return wholly({
          status: row.status === 'failed',
          code: row.exit_code === 3,
          reason: row.status_reason === 'exit_code',
        });
      },
    };
  },
};

const copied: readonly File[] = [
  { name: 'notes/first.txt', content: oldText },
  { name: '.hidden/secret.txt', content: oldText },
  { name: 'empty.txt', content: '' },
];

export const share: Operation = {
  name: 'share a workspace',
  async prepare(bench) {
    const workspace = await makeWorkspace(bench, copied);
    const ben = await bench.user('ben');
    const request: SendOptions = {
      body: { original_workspace_id: String(workspace.id), shared_user_ids: [ben.id] },
      headers: { 'Idempotency-Key': unique('share') },
    };
    return {
      repeatable: true,
      act: () => bench.send('ada', 'POST', '/shared_workspaces/', request),
      async look() {
        const shares = await bench.database.find('shares', { where: { original_workspace_id: workspace.id } });
        if (shares.length > 1) throw new Error(`There are ${shares.length} shares.`);
        const [found] = shares;
        if (!found) return 'undone';
        const copy = await bench.database.findOne('workspaces', { id: found.shared_workspace_id });
        if (copy?.status !== 'idle') throw new Error(`The copy is ${copy?.status}.`);
        await expectFirstFiles(copy);
        await readlink(join(copy.location, 'datasets/one'));
        if ((await namesIn(copy.location)).includes('.hidden')) throw new Error('A dot directory was copied.');
        return 'done';
      },
    };
  },
};

/** A share whose copy is there. */
async function makeShare(bench: Bench): Promise<WorkspaceRow> {
  const workspace = await makeWorkspace(bench, copied);
  const ben = await bench.user('ben');
  const body = { original_workspace_id: workspace.id, shared_user_ids: [ben.id] };
  await must(bench.send('ada', 'POST', '/shared_workspaces/', { body }));
  await settled(bench);
  const made = await bench.database.findOne('shares', { original_workspace_id: workspace.id });
  const copy = made && (await bench.database.findOne('workspaces', { id: made.shared_workspace_id }));
  if (!copy) throw new Error('There is no copy.');
  return copy;
}

export const acceptShare: Operation = {
  name: 'accept a share',
  async prepare(bench) {
    const copy = await makeShare(bench);
    return {
      act: () => bench.send('ben', 'PUT', `/shared_workspaces/${copy.id}/accept/`),
      async look() {
        const row = await bench.database.findOne('workspaces', { id: copy.id });
        const accepted = await bench.database.findOne('shares', { shared_workspace_id: copy.id });
        return wholly({ listed: row?.is_listed === true, accepted: accepted?.is_accepted === true });
      },
    };
  },
};

export const cancelShare: Operation = {
  name: 'cancel a share',
  async prepare(bench) {
    const copy = await makeShare(bench);
    return {
      act: () => bench.send('ada', 'DELETE', `/shared_workspaces/${copy.id}/`),
      look: async () =>
        wholly({
          share: (await bench.database.count('shares', { shared_workspace_id: copy.id })) === 0,
          row: (await bench.database.count('workspaces', { id: copy.id })) === 0,
          files: (await namesIn(copy.location)).length === 0,
        }),
    };
  },
};

function deletion(name: string, query: string, runs: boolean): Operation {
  return {
    name,
    async prepare(bench) {
      const workspace = await makeWorkspace(bench);
      const job = await startJob(bench, workspace, { seconds: runs ? 100 : 0.1 });
      if (!runs) {
        await until('its end', async () => {
          const row = await bench.database.findOne('jobs', { id: job.id });
          return row?.status === 'complete' ? true : undefined;
        });
      }
      return {
        act: () => bench.send('ada', 'DELETE', `/workspaces/${workspace.id}/${query}`),
        async look() {
          const row = await bench.database.findOne('jobs', { id: job.id });
          if (!row) throw new Error('The job is listed no longer.');
          if (!runs && row.status !== 'complete') throw new Error(`The job is ${row.status}.`);
          return wholly({
            row: (await bench.database.count('workspaces', { id: workspace.id })) === 0,
            files: (await namesIn(workspace.location)).length === 0,
            record: (await namesIn(join(bench.data, 'launches', job.launch_key))).length === 0,
            ...(runs && { stopped: row.status === 'complete' && row.status_reason === 'stopped' }),
          });
        },
      };
    },
  };
}

export const deleteWorkspace = deletion('delete a workspace', '', false);
export const deleteRunning = deletion('delete a workspace whose job runs', '?force=true', true);
