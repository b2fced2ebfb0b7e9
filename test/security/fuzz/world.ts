import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import type { RunningServer } from '../../support/server.js';
import { makeUnknownLaunches } from '../../support/unknown-launches.js';
import { signIn, startJob, startSession, type User } from '../../support/users.js';
import { visit } from '../../support/visit.js';

const application = `
require('node:http').createServer((request, response) => response.end('session')).listen(Number(process.env.PORT), process.env.HOST);
`;

const files = [
  { name: 'notebook.ipynb', content: '{}' },
  { name: 'data/x.csv', content: '1,2' },
  { name: 'app.cjs', content: application },
];

/** What there is at the beginning: fixed, so that a seed repeats the requests about it. */
export interface World {
  /** What each user knows, besides what answers will show. */
  readonly fixed: Readonly<Record<string, Readonly<Record<string, readonly (string | number)[]>>>>;
  /** Ticket and cookie of each user's session. */
  readonly passes: Readonly<Record<string, { readonly ticket: string; readonly cookie: string }>>;
}

/** A directory that links may point into. */
export async function makeDatasets(root: string): Promise<string> {
  const datasets = join(root, 'link-targets');
  await mkdir(datasets);
  await writeFile(join(datasets, 'set.csv'), '1,2,3\n');
  return datasets;
}

/** A workspace, a session, a share and an upload of everybody, one after the other. */
export async function makeWorld(
  server: RunningServer,
  users: readonly User[],
  datasets: string,
  database: Database,
): Promise<World> {
  const fixed: Record<string, Record<string, (string | number)[]>> = {};
  const passes: Record<string, { ticket: string; cookie: string }> = {};
  const userIds: number[] = [];
  for (const { client } of users) userIds.push((await client.me()).id);
  const offered: number[] = [];
  for (const [index, user] of users.entries()) {
    const { workspace, job, session } = await startSession(user, { job_type: 'web_app' }, files);
    const short = await startJob(user, { job_type: 'local_test_job' }, files);
    const copied = await user.client.workspaces.create({
      name: 'To copy',
      description: '',
      workspace_details: { files },
    });
    const shares = await user.client.shares.create({
      original_workspace_id: copied.id,
      shared_user_ids: [userIds[(index + 1) % userIds.length] ?? 0],
    });
    offered.push(...shares.map((share) => share.shared_workspace_id.id));
    const current = (await user.client.tokens.list()).length;
    for (let count = 0; count < 6; count += 1) await signIn(server, user.username);
    const spare = (await user.client.tokens.list()).slice(current);
    const { cookie } = await visit(session.url);
    passes[user.username] = { ticket: new URL(session.url).searchParams.get('uws_ticket') ?? '', cookie };
    fixed[user.username] = {
      workspace_id: [workspace.id, short.workspace.id, copied.id, 0],
      job_id: [job.id, short.job.id, 0],
      session_job_id: [job.id],
      token_id: ['current'],
      spare_token_id: spare.map(({ id }) => id),
      user_id: userIds,
      own_user_id: [userIds[index] ?? 0],
      upload_workspace_id: [copied.id],
      path: ['notebook.ipynb', 'data', 'data/x.csv', 'new.txt', 'link'],
      source_path: [join(datasets, 'set.csv'), datasets],
      hostname: ['127.0.0.1'],
      offset: [0],
    };
  }
  const [first] = users;
  if (!first) throw new Error('There are no users.');
  const launch_key = await makeUnknownLaunches(first, database, 3);
  const waiting = await startJob(first, { job_type: 'web_app', job_details: { command: ['/bin/sleep', '3600'] } });
  // Who offers and who receives know the same copy, and administrators the job that is theirs to stop.
  for (const own of Object.values(fixed)) {
    Object.assign(own, { shared_workspace_id: offered, launch_key, job_to_stop_id: [waiting.job.id] });
  }
  return { fixed, passes };
}
