import { readFileSync } from 'node:fs';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AdapterError, type Identity, type JobRow, type Resource, type UserRow } from '@user-workspaces/contract';
import { type Schema, specificationVersion, ticketParameter } from '@user-workspaces/schema';
import type { Middleware } from 'koa';
import { pino } from 'pino';
import { createEventStreams, createJobSockets, Readers, WelcomeWatch } from './events/index.js';
import { createHandlers } from './handlers/index.js';
import { ApiError } from './http/api-error.js';
import { createApplication } from './http/application.js';
import { addressesWithin, clientAddress, isAddressRange } from './http/client-address.js';
import { forwardedOnlyWith } from './http/forwarded.js';
import { pages } from './http/pages.js';
import { serveWithoutUpgrade } from './http/without-upgrade.js';
import { Admission } from './limits/admission.js';
import { completeLimits } from './limits/limits.js';
import { countCommitted, createMetrics } from './observability/metrics.js';
import type { ServerOptions } from './options.js';
import { createSessionProxy, domainBasePath, sessionBasePath } from './proxy/index.js';
import { releaseFormerLeases } from './reconciler/lease.js';
import { Reconciler } from './reconciler/reconciler.js';
import { probeSession } from './reconciler/session-probe.js';
import { type AuditAction, actorOf, serverActor } from './records/audit.js';
import { FileAudit } from './records/file-audit.js';
import { Journal } from './records/journal.js';
import { Openings } from './records/openings.js';
import { Refusals } from './records/refusals.js';
import type { ServerContext } from './server-context.js';
import { BytesUnderWay } from './services/bytes-under-way.js';
import { LaunchWatch } from './services/launch-watch.js';
import { SessionActivity } from './services/session-activity.js';
import { placeOf, SessionDirectory } from './services/session-directory.js';
import { SessionOwners } from './services/session-owners.js';
import { signingKey } from './services/signing-key.js';
import { Surveys } from './services/surveys.js';
import { authenticate, callerOfToken, issueToken, setApiClient } from './services/tokens.js';
import { passOverUsedNumbers } from './services/used-numbers.js';
import { userOfIdentity } from './services/users.js';
import { SharedClock } from './shared-clock.js';
import { systemClock } from './system-clock.js';

const day = 24 * 60 * 60 * 1000;
const refreshRoutesMs = 60_000;
/** Shorter than a session counts as read, so that the requests to one in use wait for no reading. */
const checkRoutesMs = 1_500;

/** A running server: mount it, or serve it. */
export interface UserWorkspacesServer {
  /** Everything over HTTP: the API, the pages, and the sessions. For `http.createServer`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** The same as Koa middleware, for an existing application; requests outside the prefix, and to no session's host name, go on to the next. */
  readonly middleware: Middleware;
  /** Serves the WebSockets of jobs and sessions on an HTTP server; upgrades of other paths are left to other listeners. */
  attach(server: HttpServer): void;
  /** Makes a token for somebody whom the caller vouches for; makes the user if needed. */
  issueToken(identity: Identity, name: string): Promise<{ token: string; expiresAtMs: number }>;
  /** Gives a portal its client token; a former one that was given so stops working. @throws AdapterError `misconfigured` when an administrator made a portal of this name. */
  setApiClient(name: string, clientToken: string): Promise<void>;
  /** Ends streams and work under way. Jobs run on; the next start finds them. Does not close adapters that it was given. */
  close(): Promise<void>;
}

function packageVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content
    ? String(content.version)
    : specificationVersion;
}

/**
 * Puts adapters together to a server, creates or upgrades the tables, and begins to drive the jobs.
 *
 * @throws AdapterError `misconfigured` when the parts do not fit, `unavailable` when the database cannot be reached.
 * @example
 * const server = await createServer({ authentication, accounts, database, storages: [storage], resources: [{ resource, parameterMapping }], jobTypes, parameters, publicUrl });
 * const http = createHttpServer(server.handler);
 * server.attach(http);
 * http.listen(5050);
 */
export async function createServer(options: ServerOptions): Promise<UserWorkspacesServer> {
  const { database, prefix = '' } = options;
  const log = options.log ?? pino({ level: 'silent' });
  const clock = new SharedClock(options.clock ?? systemClock, database, log);
  checkOptions(options);
  const limits = completeLimits(options.limits);
  await database.migrate();
  await passOverUsedNumbers(database, options.storages, log);
  await clock.ask();
  const metrics = createMetrics(options.resources.map(({ resource }) => resource.name));
  const journal = new Journal(database, clock);
  const [mainStorage] = options.storages;
  const [{ resource: mainResource }] = options.resources;
  const passthroughDomain = options.resources.find((entry) => entry.passthroughDomain)?.passthroughDomain;
  const trustsPeer = addressesWithin(options.trustedProxies ?? []);
  const clientAddressOf = (request: IncomingMessage): string => clientAddress(request, trustsPeer);
  const requests = new Readers();
  const leftOut = (action: AuditAction): void => metrics.auditLeftOut(action);
  const openings = new Openings(journal, database, log, clock.elapsed, leftOut);
  const owners = new SessionOwners(database, (userId) => proxy.closeUser(userId));
  const directory = new SessionDirectory(database, owners, (jobId) => proxy.closeJob(jobId));
  const proxy = createSessionProxy({
    routes: directory,
    authenticate: async (token, request) => {
      try {
        return await context.admission.lookUpToken(request, () => callerOfToken(context, token));
      } catch (error) {
        if (error instanceof ApiError && error.code === 'invalid_token') return undefined;
        throw error;
      }
    },
    enter: (holder) => requests.enter(holder),
    checkHead: (request) => context.admission.checkHead(request),
    onLimit: (name) => metrics.limitRefused(name),
    limits,
    signingKey: await signingKey(database, clock),
    now: clock.now,
    prefix,
    publicOrigin: () => new URL(options.publicUrl).origin,
    ...(passthroughDomain !== undefined && { passthroughDomain }),
    ...(options.allowedOrigins && { allowedOrigins: options.allowedOrigins }),
    trustsPeer,
    onTraffic: (jobId, kind) => {
      const job = directory.jobOf(jobId);
      if (job) activity.note(job, kind);
    },
    onOpened: (route, by, request) => void openings.record(route, by, context.clientAddressOf(request)),
    onForeign: ({ jobId }, { user }, request) => {
      const origin = { address: context.clientAddressOf(request), requestId: null };
      const subject = { kind: 'job', id: jobId } as const;
      void context.refusals.record(actorOf({ user, origin }), { action: 'session.open', subject });
    },
    onUnreachable: (jobId) => reconciler.checkJob(jobId),
    log,
  });

  const context: ServerContext = {
    authentication: options.authentication,
    accounts: options.accounts,
    database,
    journal,
    refusals: new Refusals(journal, log, clock.elapsed, leftOut),
    fileAudit: new FileAudit(clock.elapsed, leftOut),
    metrics,
    storages: new Map(options.storages.map((storage) => [storage.name, storage])),
    mainStorage,
    resources: new Map(options.resources.map((entry) => [entry.resource.name, entry])),
    mainResource,
    jobTypes: options.jobTypes,
    parameters: options.parameters,
    mailer: options.mailer,
    clock,
    log,
    step: options.step ?? (() => {}),
    limits,
    bytesUnderWay: new BytesUnderWay(),
    admission: new Admission(limits, clock.elapsed, clientAddressOf),
    instance: options.instance ?? Buffer.from(clock.random(8)).toString('hex'),
    clientAddressOf,
    connectionOf: (row, owner) => connectionOf(row, owner),
    basePathOf: ({ id }) => (passthroughDomain === undefined ? sessionBasePath(prefix, '{host}', id) : domainBasePath),
    settings: {
      publicUrl: options.publicUrl,
      prefix,
      tokenLifetimeMs: options.tokenLifetimeMs ?? 30 * day,
      openDirectory: options.openDirectory ?? false,
      quotas: options.quotas ?? {},
      auditRetentionMs: options.auditRetentionMs ?? 365 * day,
      singleUser: options.singleUser ?? false,
      stopGraceMs: options.stopGraceMs ?? 10_000,
      version: packageVersion(),
      build: options.build ?? '',
    },
  };

  function connectionOf(row: JobRow, owner: UserRow): Schema<'ConnectionDetails'> | undefined {
    const place = placeOf(row);
    if (!place) return undefined;
    const route = { ...place, epoch: owner.session_epoch };
    const query = Object.entries(row.session_query).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    const ticket = { [ticketParameter]: proxy.issueTicket(route) };
    return proxy.addressOf(route, row.session_path ?? '/', { ...Object.fromEntries(query), ...ticket });
  }

  const activity = new SessionActivity(context);

  const surveys = new Surveys(context);
  const reconciler = new Reconciler(context, metrics, probeSession, activity);
  const streams = createEventStreams(context);
  const sockets = createJobSockets(context, (headers) => authenticate(context, headers));
  const doors = new WelcomeWatch(database, log, requests, sockets, owners, clock.now);
  const launches = new LaunchWatch(context);
  const handlers = createHandlers(context, { metrics, surveys, streams, sockets, requests, doors, launches });
  const application = createApplication(context, handlers, metrics, {
    validateAnswers: options.validateAnswers ?? false,
    extras: pages(options, prefix),
    requests,
  });
  const callback = application.callback();

  journal.onCommitted(({ jobs }) => {
    for (const row of jobs.values()) directory.update(row);
  });
  countCommitted(journal, metrics);
  await releaseFormerLeases(context);
  await directory.refresh();
  const readAnew = (read: () => Promise<void>, everyMs: number): NodeJS.Timeout =>
    setInterval(() => {
      read().catch((error: unknown) => log.warn({ err: error }, 'sessions could not be read anew'));
    }, everyMs).unref();
  const refreshing = [
    readAnew(() => directory.refresh(), refreshRoutesMs),
    readAnew(() => directory.check(proxy.jobsInUse()), checkRoutesMs),
  ];
  metrics.watch({
    sessions: () => directory.size,
    sessionRequests: () => proxy.metrics().openRequests,
    sessionSockets: () => proxy.metrics().openSockets,
    eventStreams: () => streams.size,
    lostLogLines: options.lostLogLines ?? (() => 0),
    clockAheadSeconds: () => clock.aheadMs() / 1000,
    countJobs: (status) => database.count('jobs', { status }),
    onUncounted: (error) => log.warn({ err: error }, 'the database does not answer, so the metrics tell no jobs'),
  });
  clock.start();
  doors.start();
  await surveys.start();
  reconciler.start();
  launches.start();

  const believeForwarded = forwardedOnlyWith(options.trustedProxySecret);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    believeForwarded(request);
    if (await proxy.handle(request, response)) return;
    await callback(request, response);
  }

  function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    believeForwarded(request);
    return proxy.handleUpgrade(request, socket, head) || sockets.handleUpgrade(request, socket, head);
  }

  return {
    handler(request, response) {
      handle(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'a request failed');
        response.destroy();
      });
    },
    async middleware(koa, next) {
      const isBelow = prefix === '' || koa.path === prefix || koa.path.startsWith(`${prefix}/`);
      // A session with a host name of its own has all its paths, and knows nothing of the prefix.
      if (!isBelow && !proxy.isForSession(koa.req)) return next();
      koa.respond = false;
      await handle(koa.req, koa.res);
    },
    attach(server) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (handleUpgrade(request, socket, head)) return;
        // Somebody else's, if there is somebody else; otherwise a request like any other.
        if (server.listenerCount('upgrade') === 1) serveWithoutUpgrade(server, request, socket, head);
      });
    },
    async issueToken(identity, name) {
      const user = await userOfIdentity(context, identity);
      return issueToken(context, user.id, name, serverActor);
    },
    setApiClient: (name, clientToken) => setApiClient(context, name, clientToken),
    async close() {
      for (const timer of refreshing) clearInterval(timer);
      streams.close();
      sockets.close();
      await surveys.close();
      await launches.close();
      await doors.close();
      await reconciler.stop();
      await proxy.close();
      await activity.close();
      await clock.close();
    },
  };
}

/** What a resource takes for a job type is its own to check; one that checks nothing takes nothing. */
function checkDetails(resource: Resource, details: Readonly<Record<string, unknown>>, jobType: string): void {
  const where = `${jobType}.environment_details.${resource.name}.resource_details`;
  if (resource.checkDetails) {
    resource.checkDetails(details, where);
    return;
  }
  const [key] = Object.keys(details);
  if (key === undefined) return;
  throw new AdapterError('misconfigured', `${where}.${key} is not a known key: this resource takes none.`, {
    field: `${where}.${key}`,
  });
}

/** Parts that do not fit each other stop the start, not the first user. */
function checkOptions(options: ServerOptions): void {
  const names = new Set(options.resources.map((entry) => entry.resource.name));
  for (const [id, { resources, resourceDetails }] of options.jobTypes) {
    const unknown = [...resources.keys()].find((name) => !names.has(name));
    if (unknown !== undefined || resources.size === 0) {
      throw new AdapterError(
        'misconfigured',
        `The job type ${id} ${unknown === undefined ? 'names no resource' : `names the resource ${unknown}`}; there are: ${[...names].join(', ')}.`,
        { field: `available_job_types.${id}` },
      );
    }
    for (const { resource } of options.resources) {
      if (!resources.has(resource.name)) continue;
      checkDetails(resource, resourceDetails?.get(resource.name) ?? {}, `available_job_types.${id}`);
    }
  }
  if (options.prefix && !/^(\/[\w.~-]+)+$/.test(options.prefix)) {
    throw new AdapterError(
      'misconfigured',
      `The prefix ${options.prefix} must begin with a slash and not end in one.`,
      {
        field: 'prefix',
      },
    );
  }
  const noRange = options.trustedProxies?.find((range) => !isAddressRange(range));
  if (noRange !== undefined) {
    throw new AdapterError(
      'misconfigured',
      `trusted_proxies holds "${noRange}"; IP addresses and ranges such as 10.0.0.0/8 are needed.`,
      { field: 'trusted_proxies' },
    );
  }
  if (!URL.canParse(options.publicUrl)) {
    throw new AdapterError(
      'misconfigured',
      `public_url is ${options.publicUrl}; a URL such as https://portal.example.org is needed.`,
      {
        field: 'public_url',
      },
    );
  }
}
