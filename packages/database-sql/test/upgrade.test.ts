// Databases of earlier releases, with rows in them, become those of this one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unknownClientId } from '@user-workspaces/contract';
import { afterAll, describe, expect, it } from 'vitest';
import type { Dialect } from '../src/dialect.js';
import { createMariadbDialect } from '../src/dialects/mariadb.js';
import { createPostgresDialect } from '../src/dialects/postgres.js';
import { createSqliteDialect } from '../src/dialects/sqlite.js';
import { createSqlDatabase, type SqlDatabaseOptions } from '../src/index.js';
import { migrate } from '../src/migrate.js';
import { migrations } from '../src/migrations/index.js';
import { Session } from '../src/session.js';

import { connect } from './support/introspect.js';
import { newUser, newWorkspace } from './support/rows.js';
import { mariadb, postgres, type ServerKind } from './support/servers.js';
import type { Place } from './support/world.js';

const directory = mkdtempSync(join(tmpdir(), 'uws-upgrade-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function dialectOf(options: SqlDatabaseOptions): Dialect {
  if (options.client === 'sqlite') return createSqliteDialect(options);
  return options.client === 'pg' ? createPostgresDialect(options) : createMariadbDialect(options);
}

/** The tables as an earlier release made them. */
async function migrateTo(options: SqlDatabaseOptions, version: number): Promise<void> {
  const dialect = dialectOf(options);
  const session = await Session.open(dialect);
  await session.begin();
  await migrate(dialect, session, migrations.slice(0, version));
  await session.commit();
  await session.release();
  await dialect.close();
}

/** Rows of the first release. */
async function fillFirst(options: SqlDatabaseOptions): Promise<void> {
  const db = connect(options);
  const json = (row: object) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
      ]),
    );
  const { username, email, first_name, last_name, search_text, is_active, event_seq, created_at_ms } = newUser('ada');
  const user = { username, email, first_name, last_name, search_text, is_active, event_seq, created_at_ms };
  await db('users').insert([user, { ...user, username: 'bob', is_active: false }]);
  await db('api_clients').insert({ name: 'portal', token_hash: 'h', created_at_ms: 1 });
  const token = { user_id: 1, name: 'sign-in', token_hash: 'a', created_at_ms: 1, expires_at_ms: 2 };
  await db('tokens').insert(token);
  const workspaces: [bytes: number, isListed: boolean, userId: number][] = [
    [1_000, true, 1],
    [9_007_199_254_000_000, true, 1],
    [5, false, 1],
    [7, true, 2],
  ];
  for (const [bytes, isListed, userId] of workspaces) {
    const row = newWorkspace('w', { disk_space_bytes: bytes, is_listed: isListed, user_id: userId });
    await db('workspaces').insert(json(row));
  }
  const jobs: [hours: number, status: string][] = [
    [0.25, 'complete'],
    [1.5, 'failed'],
    [0, 'running'],
  ];
  for (const [index, [hours, status]] of jobs.entries()) {
    await db('jobs').insert({
      ...{ user_id: 1, workspace_id: 1, job_type: 'terminal', resource: 'main', launch_key: `k${index}` },
      ...{ resource_job_id: -1, status, last_log_lines: '[]', created_at_ms: 1, launch_begun: true },
      ...{ core_hours: hours, request_details: '{}', resource_options: '{}', native_options: '{}', metrics: '{}' },
      ...{ current_details: '{}', session_token: '', session_secret: '', session_query: '{}', is_remembered: true },
      ...{ version: 1, lease_until_ms: 0, lease_fence: 0, attempts: 0 },
    });
  }
  await db('shares').insert({
    ...{ original_workspace_id: 1, shared_workspace_id: 3, sender_user_id: 1, receiver_user_id: 2 },
    ...{ last_resource_options: '{}', is_accepted: true, created_at_ms: 1, work: 'none', mail_due: false },
    ...{ lease_until_ms: 0, lease_fence: 0, attempts: 0 },
  });
  await db.destroy();
}

/** @param open An empty database. */
function describeUpgrade(name: string, missing: string, open: () => Promise<Place>): void {
  if (missing && process.env.CI === 'true') {
    it(`${name}: must be tested in CI`, () => expect.fail(missing));
    return;
  }
  const title = missing ? `${name} (not run: ${missing})` : name;
  it.skipIf(missing !== '')(
    `${title}: the first release's rows are kept, and what counts against quotas is summed up`,
    async () => {
      const { options, remove } = await open();
      const database = createSqlDatabase(options);
      try {
        const needed = migrations.length;
        expect(await database.tableVersion()).toEqual({ present: 0, needed });
        await migrateTo(options, 1);
        expect(await database.tableVersion()).toEqual({ present: 1, needed });
        await fillFirst(options);
        await Promise.all([database.migrate(), database.migrate()]);
        expect(await database.tableVersion()).toEqual({ present: needed, needed });
        const [ada, bob] = await database.find('users', {});
        const added = {
          role: 'user',
          max_workspaces: null,
          max_core_hours: null,
          deactivated_at_ms: null,
          session_epoch: 0,
        };
        const used = { used_disk_space_bytes: 9_007_199_254_001_000, used_core_hours: 1.75 };
        expect(ada).toEqual({ ...newUser('ada'), ...added, ...used, id: 1 });
        expect(bob).toMatchObject({ is_active: false, used_disk_space_bytes: 7, used_core_hours: 0 });
        expect(await database.find('api_clients', {})).toMatchObject([{ name: 'portal', is_configured: true }]);
        expect(await database.count('jobs', { stop_reason: null, idle_stop_at_ms: null, gpu_hours: null })).toBe(3);
        expect(await database.find('shares', {})).toMatchObject([{ shared_workspace_id: 3, accepted_offer: null }]);
        expect(await database.find('tokens', {})).toMatchObject([{ token_hash: 'a', client_id: unknownClientId }]);
        const done = { action: 'job.start', outcome: 'done', details: {} } as const;
        const actor = { actor_kind: 'user', actor_user_id: 1, actor_name: 'ada', address: null } as const;
        const subject = { subject_kind: 'job', subject_id: 1 } as const;
        const entry = { created_at_ms: 1, ...done, ...actor, ...subject, request_id: null };
        await database.transaction((rows) => rows.insert('audit_entries', entry));
        expect(await database.find('audit_entries', { where: { subject_id: 1 } })).toEqual([{ ...entry, id: 1 }]);
      } finally {
        await database.close();
        await remove();
      }
    },
    60_000,
  );
}

function onServer(kind: ServerKind): () => Promise<Place> {
  return async () => {
    const server = await kind.create();
    await server.start();
    return { options: server.options, remove: () => server.remove() };
  };
}

describe('upgrade', () => {
  describeUpgrade('SQLite', '', async () => ({
    options: { client: 'sqlite', file: join(directory, 'server.db') },
    remove: async () => {},
  }));
  describeUpgrade('PostgreSQL', postgres.missing, onServer(postgres));
  describeUpgrade('MariaDB', mariadb.missing, onServer(mariadb));
});
