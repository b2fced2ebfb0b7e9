import { AdapterError, type JobRow, type JobType, type SessionUse } from '@user-workspaces/contract';
import { pino } from 'pino';
import { Admission } from '../../packages/server/src/limits/admission.js';
import { defaultLimits } from '../../packages/server/src/limits/limits.js';
import { createMetrics } from '../../packages/server/src/observability/metrics.js';
import { releaseFormerLeases } from '../../packages/server/src/reconciler/lease.js';
import { Reconciler } from '../../packages/server/src/reconciler/reconciler.js';
import type { SessionProbe } from '../../packages/server/src/reconciler/session-probe.js';
import { FileAudit } from '../../packages/server/src/records/file-audit.js';
import { Journal } from '../../packages/server/src/records/journal.js';
import { Refusals } from '../../packages/server/src/records/refusals.js';
import { StaleRowError } from '../../packages/server/src/records/stale-row-error.js';
import type { ServerContext } from '../../packages/server/src/server-context.js';
import { BytesUnderWay } from '../../packages/server/src/services/bytes-under-way.js';
import { SessionActivity } from '../../packages/server/src/services/session-activity.js';
import { Surveys } from '../../packages/server/src/services/surveys.js';
import { SharedClock } from '../../packages/server/src/shared-clock.js';
import { type Bug, databaseWith, resourceWith } from './bugs.js';
import { call } from './calls.js';
import type { Models } from './models.js';
import type { Actor, World } from './world.js';

/** A job's details are its plan, which the resource finds in its command. */
const plannedJob: JobType = {
  recipe: ({ jobDetails }) => ({
    command: ['model', JSON.stringify(jobDetails)],
    files: [],
    environment: {},
    ...(jobDetails.hasSession === 1 && { session: { basePath: 'keep', query: {} } }),
  }),
};

/** One whose session says itself whether it is at work. */
const attendedJob: JobType = {
  ...plannedJob,
  activity: { traffic: [], questions: [{ path: '/', read: () => ({ kind: 'idle', lastUsedAtMs: null }) }] },
};

/** Sessions of this job type are stopped when nobody uses them; short, as a run is a few minutes long. */
export const idle = { timeoutMs: 6_000, warningMs: 3_000 };

const metrics = createMetrics();

/** One server process: the services, surveys and the reconciler that ship, over the models. It can die, sleep, and have a wrong clock. */
export class Replica {
  readonly name: string;
  readonly #world: World;
  readonly #models: Models;
  readonly #bug: Bug | undefined;
  #actor: Actor;
  #context: ServerContext;
  #activity: SessionActivity;
  #clock: SharedClock | undefined;

  constructor(world: World, models: Models, name: string, bug: Bug | undefined) {
    this.#bug = bug;
    this.#world = world;
    this.#models = models;
    this.name = name;
    this.#actor = this.#newActor();
    this.#context = this.#newContext();
    this.#activity = new SessionActivity(this.#context);
  }

  get actor(): Actor {
    return this.#actor;
  }

  get context(): ServerContext {
    return this.#context;
  }

  /** Starts a new process, in the order of `createServer`. */
  start(): void {
    this.#actor = this.#newActor();
    this.#context = this.#newContext();
    this.#activity = new SessionActivity(this.#context);
    const { context } = this;
    const line = { world: this.#world, rate: 0.02, isRemote: true };
    const probe: SessionProbe = {
      isReady: async () => {
        const isReady = await call(line, this.actor, 'probe a session', () => true).catch(() => false);
        return isReady ? { kind: 'ready' } : { kind: 'not ready', status: null };
      },
      isClosed: async () => false,
      use: async () => {
        // A notebook at work takes its time to answer.
        await this.#world.pause(this.#world.random.below(3_000), this.actor, 'a session is about to answer');
        return call(line, this.actor, 'ask a session for its use', (): SessionUse => {
          const isBusy = this.#world.faults.isOn && this.#world.random.below(8) === 0;
          return isBusy ? { kind: 'busy', reason: 'It computes.' } : { kind: 'idle', lastUsedAtMs: null };
        });
      },
    };
    const clock = this.#clock;
    const begin = async (): Promise<void> => {
      await clock?.ask();
      clock?.start();
      await releaseFormerLeases(context);
      await new Surveys(context).start();
      new Reconciler(context, metrics, probe, this.#activity).start();
    };
    begin().catch((error: unknown) => {
      this.#world.note(`${this.name} cannot start: ${String(error)}`);
      this.crash(1_000);
    });
  }

  /** Somebody uses the session of a job through this process, which knows its row as it was then. */
  visit(row: JobRow): void {
    const { random } = this.#world;
    this.#world.after(random.below(1_000), this.actor, `job ${row.id} has a visitor`, () => {
      this.#activity.note(row, 'openings');
    });
  }

  /** Ends the process at once; another one is started after a while. */
  crash(downMs: number): void {
    const { actor } = this;
    if (!actor.isAlive) return;
    actor.isAlive = false;
    this.#world.forget(actor);
    this.#models.disconnect(actor);
    this.#world.after(downMs, this.#world.outside, `${this.name} is started again`, () => this.start());
  }

  #newActor(): Actor {
    return { name: this.name, isAlive: true, isPaused: false, skewMs: 0 };
  }

  #newContext(): ServerContext {
    const actor = this.#actor;
    const { database, resources, storage, mailer } = this.#models;
    const connected = databaseWith(this.#bug, database.connect(actor));
    const log = this.#log();
    const clock = new SharedClock(this.#world.clockOf(actor), connected, log);
    this.#clock = clock;
    const journal = new Journal(connected, clock);
    const disk = storage.connect(actor);
    const entries = resources.map((resource) => ({
      resource: resourceWith(this.#bug, resource.connect(actor)),
      parameterMapping: {},
    }));
    const [main] = entries;
    if (!main) throw new Error('There is no resource.');
    return {
      authentication: {
        name: 'none',
        signIn: async () => ({ kind: 'refused', message: 'Nobody signs in here.' }),
        check: async () => ({ connected: true, message: '' }),
      },
      accounts: { shared: false, resolve: async ({ username }) => ({ name: username, uid: null, gid: null }) },
      database: connected,
      journal,
      refusals: new Refusals(journal, log, clock.now, (action) => metrics.auditLeftOut(action)),
      fileAudit: new FileAudit(clock.now, (action) => metrics.auditLeftOut(action)),
      metrics,
      storages: new Map([[disk.name, disk]]),
      mainStorage: disk,
      resources: new Map(entries.map((entry) => [entry.resource.name, entry])),
      mainResource: main.resource,
      jobTypes: new Map([
        [
          'planned',
          { name: 'Planned', resources: new Map(entries.map(({ resource }) => [resource.name, plannedJob])) },
        ],
        [
          'attended',
          { name: 'Attended', idle, resources: new Map(entries.map(({ resource }) => [resource.name, attendedJob])) },
        ],
      ]),
      parameters: [],
      mailer: mailer.connect(actor),
      clock,
      log,
      limits: defaultLimits,
      bytesUnderWay: new BytesUnderWay(),
      admission: new Admission(defaultLimits, clock.now, () => ''),
      step: () => undefined,
      instance: this.name,
      clientAddressOf: () => '',
      connectionOf: () => undefined,
      basePathOf: ({ id }) => `/sessions/{host}/${id}`,
      settings: {
        publicUrl: 'http://localhost',
        prefix: '',
        tokenLifetimeMs: 1,
        openDirectory: false,
        quotas: {},
        auditRetentionMs: 365 * 24 * 60 * 60_000,
        singleUser: false,
        stopGraceMs: 5_000,
        version: '0',
        build: '',
      },
    };
  }

  /** An error that nobody foresaw is a find. */
  reportUnforeseen(error: unknown): void {
    const isForeseen =
      AdapterError.is(error) || error instanceof StaleRowError || (error instanceof Error && error.name === 'ApiError');
    if (isForeseen) return;
    this.#models.violations.add(`an unforeseen error: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** What is logged goes to the trace. */
  #log() {
    return pino({
      level: 'info',
      hooks: {
        logMethod: ([fields, message]: readonly unknown[]) => {
          const error: unknown =
            typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
          this.#world.remark(`${this.name} logs: ${String(message)} ${error === undefined ? '' : String(error)}`);
          if (error !== undefined) this.reportUnforeseen(error);
        },
      },
    });
  }
}
