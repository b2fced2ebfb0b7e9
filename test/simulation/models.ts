import type { JobRow } from '@user-workspaces/contract';
import type { Mailer } from '../../packages/server/src/options.js';
import { call } from './calls.js';
import { Violations, watchCommits, watchLaunches } from './invariants.js';
import { ModelDatabase } from './model-database.js';
import { ModelResource } from './model-resource.js';
import { ModelStorage } from './model-storage.js';
import type { Actor, World } from './world.js';

/** A mail server that remembers whom it was to write to. */
export class ModelMailer {
  readonly sent: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  connect(actor: Actor): Mailer {
    const line = { world: this.#world, rate: 0.03, isRemote: true };
    return {
      send: ({ to, text }, signal) =>
        call(line, actor, `mail to ${to}`, () => void this.sent.push(`${to} ${text}`), signal),
    };
  }
}

/** What others want to know at once. */
export interface Happenings {
  /** A process has just taken a lease. */
  leased(owner: string): void;
  /** The user of a job has just been warned that its session will be stopped. */
  warned(row: JobRow): void;
}

/** Everything outside the server processes, and the invariants that watch it. */
export class Models {
  readonly violations: Violations;
  readonly database: ModelDatabase;
  readonly resources: readonly ModelResource[];
  readonly storage: ModelStorage;
  readonly mailer: ModelMailer;

  constructor(world: World, { leased, warned }: Happenings) {
    this.violations = new Violations(world);
    const commits = watchCommits(this, world);
    this.database = new ModelDatabase(world, (changes) => {
      commits(changes);
      for (const change of changes) {
        if (change.table === 'jobs') {
          const { before, after } = change;
          if (before?.idle_stop_at_ms === null && after && after.idle_stop_at_ms !== null) warned(after);
        }
        const { table, before, after } = change;
        if (table !== 'workspaces' && table !== 'jobs' && table !== 'shares') continue;
        if (after?.lease_owner && before?.lease_owner !== after.lease_owner) leased(after.lease_owner);
      }
    });
    const launches = watchLaunches(this);
    this.resources = [
      new ModelResource(world, 'host', { isPushing: true, isRemote: false }, launches),
      new ModelResource(world, 'cluster', { isPushing: false, isRemote: true }, launches),
    ];
    this.storage = new ModelStorage(world);
    this.mailer = new ModelMailer(world);
  }

  /** A process has died. */
  disconnect(actor: Actor): void {
    this.database.disconnect(actor);
    for (const resource of this.resources) resource.disconnect(actor);
    this.storage.disconnect(actor);
  }
}
