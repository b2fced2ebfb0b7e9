import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Database,
  Identity,
  JobRow,
  NewRow,
  Resource,
  Storage,
  UserRow,
  WorkspaceRow,
} from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { createLocalStorage } from '@user-workspaces/storage-local';
import { type Logger, pino } from 'pino';
import { newUser } from '../../../database-sql/test/support/rows.js';
import {
  createEventStreams,
  createJobSockets,
  type EventStreams,
  type JobSockets,
  Readers,
  WelcomeWatch,
} from '../../src/events/index.js';
import { createHandlers } from '../../src/handlers/index.js';
import { createApplication } from '../../src/http/application.js';
import { pages } from '../../src/http/pages.js';
import { serveWithoutUpgrade } from '../../src/http/without-upgrade.js';
import { Admission } from '../../src/limits/admission.js';
import { createHttpServer } from '../../src/limits/http-server.js';
import { completeLimits, type Limits } from '../../src/limits/limits.js';
import { countCommitted, createMetrics } from '../../src/observability/metrics.js';
import { type QuotaDefaults, rowOfAccount } from '../../src/options.js';
import { serverActor } from '../../src/records/audit.js';
import { FileAudit } from '../../src/records/file-audit.js';
import { Journal } from '../../src/records/journal.js';
import { Refusals } from '../../src/records/refusals.js';
import type { ServerContext } from '../../src/server-context.js';
import { BytesUnderWay } from '../../src/services/bytes-under-way.js';
import { SessionOwners } from '../../src/services/session-owners.js';
import { Surveys } from '../../src/services/surveys.js';
import { authenticate, issueToken } from '../../src/services/tokens.js';
import { systemClock } from '../../src/system-clock.js';

/** A server over HTTP on a real database and real files, with one user and one workspace. */
export interface Fixture {
  readonly url: string;
  readonly port: number;
  readonly context: ServerContext;
  readonly database: Database;
  readonly storage: Storage;
  readonly user: UserRow;
  readonly token: string;
  readonly workspace: WorkspaceRow;
  /** The workspace on disk. */
  readonly directory: string;
  /** A directory that links may point to. */
  readonly data: string;
  readonly streams: EventStreams;
  readonly sockets: JobSockets;
  readonly doors: WelcomeWatch;
  /** Steps in the order they were taken. */
  readonly steps: string[];
  readonly root: string;
  onStep: (name: string) => void;
  call(path: string, init?: RequestInit): Promise<Response>;
  addUser(username: string): Promise<{ user: UserRow; token: string }>;
  addJob(changes?: Partial<NewRow<'jobs'>>): Promise<JobRow>;
  close(): Promise<void>;
}

export async function startFixture(
  options: {
    resource?: Resource;
    quotas?: QuotaDefaults;
    database?: Database;
    jobTypes?: ServerContext['jobTypes'];
    parameters?: ServerContext['parameters'];
    storage?: (storage: Storage) => Storage;
    clock?: Partial<typeof systemClock>;
    limits?: Partial<Limits>;
    log?: Logger;
  } = {},
): Promise<Fixture> {
  const root = await mkdtemp(join(tmpdir(), 'uws-server-'));
  const database = options.database ?? createSqlDatabase({ client: 'sqlite', file: join(root, 'server.db') });
  await database.migrate();
  const local = await createLocalStorage({
    name: 'local',
    rootDirectory: join(root, 'workspaces'),
    allowedLinkRoots: [join(root, 'data')],
    ownership: 'none',
  });
  const storage = options.storage?.(local) ?? local;
  const clock = { ...systemClock, ...options.clock };
  const journal = new Journal(database, clock);
  const metrics = createMetrics(options.resource ? [options.resource.name] : []);
  const steps: string[] = [];
  const state = { onStep: (_: string): void => undefined };
  const resource = options.resource;
  const limits = completeLimits(options.limits);
  const context = {
    authentication: {},
    accounts: {
      shared: false,
      resolve: async ({ username }: Identity) => ({ name: username, uid: null, gid: null }),
    },
    database,
    journal,
    refusals: new Refusals(journal, pino({ level: 'silent' }), clock.now, (action) => metrics.auditLeftOut(action)),
    fileAudit: new FileAudit(clock.now, (action) => metrics.auditLeftOut(action)),
    metrics,
    clientAddressOf: () => '192.0.2.7',
    storages: new Map([['local', storage]]),
    mainStorage: storage,
    resources: new Map(
      resource
        ? [
            [
              resource.name,
              { resource, parameterMapping: { num_cpus: 'cpus_per_task', time_limit_minutes: 'time_limit' } },
            ],
          ]
        : [],
    ),
    mainResource: resource,
    jobTypes: options.jobTypes ?? new Map(),
    parameters: options.parameters ?? [],
    mailer: undefined,
    clock,
    log: options.log ?? pino({ level: 'silent' }),
    step: (name: string) => {
      steps.push(name);
      state.onStep(name);
    },
    limits,
    bytesUnderWay: new BytesUnderWay(),
    admission: new Admission(limits, clock.now, () => '127.0.0.1'),
    instance: 'test',
    connectionOf: (row: JobRow) =>
      row.session_host === null ? undefined : { url_domain: 'http://sessions', url_path: `/session/${row.id}` },
    basePathOf: () => '/',
    settings: {
      publicUrl: 'http://127.0.0.1',
      prefix: '',
      tokenLifetimeMs: 3_600_000,
      stopGraceMs: 1_000,
      quotas: options.quotas ?? {},
      openDirectory: false,
      auditRetentionMs: 1_000,
      version: '0',
      build: '',
    },
  } as unknown as ServerContext;
  const streams = createEventStreams(context);
  const sockets = createJobSockets(context, (headers) => authenticate(context, headers));
  countCommitted(journal, metrics);
  metrics.watch({
    ...{ sessions: () => 0, sessionRequests: () => 0, sessionSockets: () => 0, eventStreams: () => streams.size },
    lostLogLines: () => 7,
    clockAheadSeconds: () => 0,
    countJobs: (status) => database.count('jobs', { status }),
    onUncounted: (error) => context.log.warn({ err: error }, 'jobs not counted'),
  });
  const requests = new Readers();
  const owners = new SessionOwners(database, () => undefined);
  const doors = new WelcomeWatch(database, context.log, requests, sockets, owners, clock.now);
  const handlers = createHandlers(context, {
    metrics,
    surveys: new Surveys(context),
    launches: { noticeOf: () => '' },
    streams,
    sockets,
    requests,
    doors,
  });
  const application = createApplication(context, handlers, metrics, {
    validateAnswers: true,
    extras: pages({ publicUrl: 'http://127.0.0.1' }, ''),
    requests,
  });
  const server: Server = createHttpServer(application.callback(), limits);
  server.on('upgrade', (request, socket, head) => {
    if (!sockets.handleUpgrade(request, socket, head)) serveWithoutUpgrade(server, request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const addUser = async (username: string): Promise<{ user: UserRow; token: string }> => {
    const user = await database.transaction((rows) =>
      rows.insert(
        'users',
        newUser(username, {
          first_name: username,
          last_name: 'Test',
          search_text: `${username} test\n${username}@example.org`,
          created_at_ms: 0,
        }),
      ),
    );
    return { user, token: (await issueToken(context, user.id, 'test', serverActor)).token };
  };
  const { user, token } = await addUser('alice');
  const account = { name: 'alice', uid: null, gid: null };
  const workspace = await journal.transaction(async (transaction) => {
    const inserted = await transaction.insertWorkspace({
      user_id: user.id,
      name: 'First',
      description: '',
      disk_space_bytes: 0,
      created_at_ms: 0,
      last_modified_at_ms: null,
      last_job_launch_at_ms: null,
      request_details: {},
      current_details: {},
      status: 'idle',
      status_reason: null,
      default_job_type: null,
      storage: 'local',
      location: '',
      account: rowOfAccount(account),
      pending_changes: null,
      is_listed: true,
      lease_owner: null,
      lease_until_ms: 0,
      lease_fence: 0,
      due_at_ms: null,
      attempts: 0,
    });
    return transaction.touchWorkspace(inserted, { location: storage.locate(account, inserted.id) });
  });
  await storage.create({ location: workspace.location, account });

  return {
    url,
    port,
    context,
    database,
    storage,
    user,
    token,
    workspace,
    directory: workspace.location,
    data: join(root, 'data'),
    streams,
    sockets,
    doors,
    steps,
    root,
    set onStep(hook: (name: string) => void) {
      state.onStep = hook;
    },
    call: (path, init = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { Authorization: `Token ${token}`, ...init.headers } }),
    addUser,
    addJob: (changes = {}) =>
      journal.transaction((transaction) =>
        transaction.insertJob({ ...newJob(user.id, workspace.id, context.clock.random(16)), ...changes }),
      ),
    async close() {
      streams.close();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await storage.close();
      await database.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function newJob(userId: number, workspaceId: number, key: Uint8Array): Omit<NewRow<'jobs'>, 'version'> {
  return {
    user_id: userId,
    workspace_id: workspaceId,
    job_type: 'test',
    resource: 'fake',
    launch_key: Buffer.from(key).toString('hex'),
    resource_job_id: -1,
    resource_handle: null,
    status: 'pending',
    status_reason: null,
    status_message: null,
    queue_reason: null,
    expected_start_at_ms: null,
    exit_code: null,
    signal: null,
    last_log_lines: [],
    created_at_ms: 0,
    started_at_ms: null,
    ended_at_ms: null,
    ends_at_ms: null,
    stop_requested_at_ms: null,
    stop_reason: null,
    launch_begun: false,
    core_hours: 0,
    gpu_hours: null,
    request_details: {},
    resource_options: {},
    native_options: {},
    metrics: {},
    current_details: {},
    session_token: '',
    session_secret: '',
    session_host: null,
    session_port: null,
    session_path: null,
    session_base_path: null,
    session_query: {},
    last_activity_at_ms: null,
    idle_stop_at_ms: null,
    is_remembered: true,
    lease_owner: null,
    lease_until_ms: 0,
    lease_fence: 0,
    due_at_ms: null,
    attempts: 0,
  };
}

/** Files that this process holds open below a directory. */
export async function openFilesBelow(directory: string): Promise<string[]> {
  const { readdir, readlink } = await import('node:fs/promises');
  const names = await readdir('/proc/self/fd');
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(directory));
}

/** Waits until something holds, for five seconds at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('It did not happen in time.');
}
