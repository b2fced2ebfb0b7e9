import type { Database } from '@user-workspaces/contract';
import type { RunningServer } from '../../support/server.js';
import { makeUnknownLaunches } from '../../support/unknown-launches.js';
import { signIn, startSession } from '../../support/users.js';
import type { CallerKind, Callers } from './callers.js';

/** A web application that answers requests and WebSocket handshakes. */
const application = `
const { createHash } = require('node:crypto');
const server = require('node:http').createServer((request, response) => response.end('session of ' + process.env.PORT));
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
});
server.listen(Number(process.env.PORT), process.env.HOST);
`;

/** In the content of the owner's file: only the owner may ever see it. */
export const privateContent = 'content-for-its-owner-9b1deb4d';

/** In the name of the owner's workspace: those who were offered a copy see it too. */
export const privateName = 'name-for-its-owner-3b7d4bad';

/** What requests are about. */
export interface Target {
  readonly workspaceId: number;
  readonly jobId: number;
  readonly uploadId: string;
  readonly uploadToAbandonId: string;
  readonly tokenId: number;
  /** Ids of copies that were offered. */
  readonly copyToSee: number;
  readonly copyToAccept: number;
  readonly copyToDelete: number;
  readonly workspaceToDelete: number;
  readonly strangerId: number;
  /** What administration is about: only an administrator's requests are, by the table, carried out. */
  readonly userId: number;
  readonly userTokenId: number;
  /** Has nothing. */
  readonly userToDeleteId: number;
  readonly jobToStopId: number;
  /** Of a launch that no job knows. */
  readonly launchKey: string;
  readonly clientId: number;
}

export interface World {
  /** What this kind of caller asks for: always something of the owner's, or of its receivers. */
  targetOf(caller: CallerKind): Target;
  /** Address of the owner's session, with a ticket. */
  readonly sessionUrl: string;
  /** Address of a session of the stranger. */
  readonly strangersSessionUrl: string;
}

export async function makeWorld(server: RunningServer, database: Database, { users }: Callers): Promise<World> {
  const { owner, stranger, pendingReceiver, receiver } = users;
  const { client } = owner;
  const files = [
    { name: 'app.cjs', content: application },
    { name: 'private.txt', content: privateContent },
  ];
  const [mine, strangers] = await Promise.all([
    startSession(owner, { job_type: 'web_app' }, files),
    startSession(stranger, { job_type: 'web_app' }, files.slice(0, 1)),
  ]);
  const workspaceId = mine.workspace.id;
  await client.workspaces.update(workspaceId, { name: privateName });
  const [pendingId, receiverId, strangerId] = await Promise.all(
    [pendingReceiver, receiver, stranger].map(async (user) => (await user.client.me()).id),
  );
  const offer = async (userId: number | undefined): Promise<number> => {
    const [share] = await client.shares.create({ original_workspace_id: workspaceId, shared_user_ids: [userId ?? 0] });
    if (!share) throw new Error('Nothing was offered.');
    return share.shared_workspace_id.id;
  };
  const accepted = await offer(receiverId);
  await receiver.client.shares.accept(accepted);
  const copies = [];
  for (let index = 0; index < 4; index += 1) copies.push(await offer(pendingId));
  const [copyToSee = 0, copyToAccept = 0, copyToDelete = 0, copyToCancel = 0] = copies;
  await until(async () => (await receiver.client.workspaces.get(accepted)).status === 'idle');
  const receiversJob = await receiver.client.workspaces.start(accepted, { job_type: 'local_test_job' });
  await receiver.client.jobs.waitUntilEnded(receiversJob.id, { timeoutMs: 60_000 });
  await until(async () => (await database.count('shares', { work: 'copy' })) === 0);
  const spare = await signIn(server, 'spare');
  const sparesJob = await startSession(spare, { job_type: 'web_app' }, files.slice(0, 1));
  const [launchKey = ''] = await makeUnknownLaunches(spare, database, 1);
  const clientId = await database.transaction(async (rows) => {
    const row = { name: 'spare', token_hash: 'of no token', is_configured: false, created_at_ms: Date.now() };
    return (await rows.insert('api_clients', row)).id;
  });
  const begin = async (): Promise<string> => {
    const init = { method: 'POST', body: JSON.stringify({ path: 'upload.txt', size_bytes: 3 }) };
    const answer = await owner.request(`/workspaces/${workspaceId}/uploads/`, init);
    const { data }: { data: { upload: { id: string } } } = await answer.json();
    return data.upload.id;
  };
  await signIn(server, 'owner');
  const tokens = await client.tokens.list();
  const own: Target = {
    workspaceId,
    jobId: mine.job.id,
    uploadId: await begin(),
    uploadToAbandonId: await begin(),
    // Not the one in use by the tests.
    tokenId: tokens.find((token) => !token.is_current)?.id ?? 0,
    copyToSee,
    copyToAccept,
    copyToDelete: copyToCancel,
    workspaceToDelete: (await client.workspaces.create({ name: 'Spare', description: '' })).id,
    strangerId: strangerId ?? 0,
    userId: (await client.me()).id,
    userTokenId: (await spare.client.tokens.list())[0]?.id ?? 0,
    userToDeleteId: (await (await signIn(server, 'nothing')).client.me()).id,
    jobToStopId: sparesJob.job.id,
    launchKey,
    clientId,
  };
  const ofCopy = { copyToSee: accepted, copyToAccept: accepted, copyToDelete: accepted };
  const targets: Partial<Record<CallerKind, Target>> = {
    owner: own,
    administrator: { ...own, workspaceToDelete: workspaceId, userId: (await spare.client.me()).id },
    pendingReceiver: { ...own, workspaceId: copyToSee, workspaceToDelete: copyToSee, copyToDelete },
    receiver: { ...own, ...ofCopy, workspaceToDelete: workspaceId },
    sender: {
      ...own,
      ...ofCopy,
      workspaceId: accepted,
      workspaceToDelete: accepted,
      jobId: receiversJob.id,
      tokenId: (await receiver.client.tokens.list())[0]?.id ?? 0,
    },
  };
  return {
    // What the owner's own requests delete is gone for the later ones.
    targetOf: (caller) => targets[caller] ?? { ...own, workspaceToDelete: workspaceId, copyToDelete: copyToSee },
    sessionUrl: mine.session.url,
    strangersSessionUrl: strangers.session.url,
  };
}

/** All that a refused request must not have changed. What changes by itself is left out: leases, surveys, ends of jobs, and the removal of what is being deleted. */
export async function snapshotOf(database: Database): Promise<unknown> {
  const [workspaces, jobs, allShares, uploads, tokens, users, portals, settings] = await Promise.all([
    database.find('workspaces', {}),
    database.find('jobs', {}),
    database.find('shares', {}),
    database.find('uploads', {}),
    database.find('tokens', {}),
    database.find('users', {}),
    database.find('api_clients', {}),
    database.find('settings', {}),
  ]);
  const shares = allShares.filter(({ work }) => work !== 'delete');
  const going = new Set(allShares.filter((share) => !shares.includes(share)).map((share) => share.shared_workspace_id));
  const copies = new Set(shares.map((share) => share.shared_workspace_id));
  // A copy that is not accepted and that no share names is what a cancelled share leaves for a moment.
  const staying = workspaces.filter(
    ({ id, status, is_listed }) => status !== 'deleting' && !going.has(id) && (is_listed || copies.has(id)),
  );
  return {
    workspaces: staying.map((row) => [row.id, row.user_id, row.name, row.description, row.is_listed]),
    modified: staying.map((row) => [row.id, row.last_modified_at_ms, row.last_job_launch_at_ms]),
    jobs: jobs.map((row) => [row.id, row.user_id, row.stop_requested_at_ms, row.request_details]),
    shares: shares.map((row) => [row.id, row.is_accepted]),
    uploads: uploads.map((row) => [row.upload_id, row.path, row.finished_etag]),
    tokens: tokens.map((row) => [row.id, row.user_id, row.expires_at_ms]),
    users: users.map((row) => [row.id, row.username, row.is_active, row.role, row.max_active_jobs]),
    portals: portals.map((row) => [row.id, row.name, row.token_hash]),
    settings,
  };
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('It did not happen in 30 seconds.');
}
