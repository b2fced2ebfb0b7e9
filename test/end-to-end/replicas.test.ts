// Two servers on one PostgreSQL: whichever of them starts and ends a job, a session is open through both at once, and through neither once its job has ended.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgres } from '../../packages/database-sql/test/support/servers.js';
import { type EmbeddedServer, startEmbedded } from '../support/embedded.js';
import { stopJobs } from '../support/put-away.js';
import { describeUnless } from '../support/requirements.js';
import { freePort, removeDirectory, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

describeUnless(postgres.missing, 'two servers on one database', () => {
  let root: string;
  let cluster: Awaited<ReturnType<typeof postgres.create>>;
  const databases: Database[] = [];
  const servers: EmbeddedServer[] = [];
  let ada: User;

  beforeAll(async () => {
    root = await temporaryDirectory();
    cluster = await postgres.create();
    await cluster.start();
    for (const instance of ['first', 'second']) {
      const database = createSqlDatabase(cluster.options);
      databases.push(database);
      const port = await freePort();
      servers.push(await startEmbedded({ dataDirectory: join(root, 'data'), database, port, instance }));
    }
    const [first] = servers;
    if (!first) throw new Error('No server has started.');
    ada = await signIn(first);
  });

  afterAll(async () => {
    if (ada) await stopJobs([ada]);
    for (const server of servers) await server.close();
    for (const database of databases) await database.close();
    await cluster?.remove();
    await removeDirectory(root);
  });

  /** What each of the servers answers at a path. */
  const through = (path: string, cookie: string): Promise<(readonly [number, string])[]> =>
    Promise.all(
      servers.map(async ({ baseUrl }) => {
        const response = await fetch(baseUrl + path, { headers: { Cookie: cookie } });
        return [response.status, response.status === 200 ? await response.text() : ''] as const;
      }),
    );

  test('a session opens through both as soon as it is ready, and through neither once its job has ended, whoever has its port then', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app' });
    const url = new URL(session.url);
    const visits = await Promise.all(servers.map(({ baseUrl }) => visit(baseUrl + url.pathname + url.search)));
    for (const { response } of visits) expect([response.status, await response.text()]).toEqual([200, 'The session.']);
    const cookie = visits[0]?.cookie ?? '';
    expect(await through(url.pathname, cookie)).toEqual([
      [200, 'The session.'],
      [200, 'The session.'],
    ]);

    const row = await databases[0]?.findOne('jobs', { id: job.id });
    await ada.client.jobs.stop(job.id);
    await ada.client.jobs.waitUntilEnded(job.id);
    let strangers = 0;
    const another = createServer((_, response) => {
      strangers += 1;
      response.end("Another user's application.");
    });
    another.listen(row?.session_port ?? 0, '127.0.0.1');
    await once(another, 'listening');
    try {
      // So long, and no longer, a session that was used counts as running.
      await delay(2_100);
      expect(await through(url.pathname, cookie)).toEqual([
        [404, ''],
        [404, ''],
      ]);
      expect(strangers).toBe(0);
    } finally {
      another.close();
    }
  });

  test('what is open to a session ends when the end of its job is found in the database alone, as after a commit whose answer was lost', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app' });
    const { cookie, url } = await visit(session.url);
    const { pathname } = new URL(url);
    const readers = await Promise.all(
      servers.map(async ({ baseUrl }) => {
        const response = await fetch(`${baseUrl}${pathname}/endless`, { headers: { Cookie: cookie } });
        const reader = response.body?.getReader();
        expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('The beginning.');
        return reader;
      }),
    );
    const write = (status: 'complete' | 'running'): Promise<unknown> =>
      databases[0]?.transaction(async (rows) => {
        const row = await rows.lock('jobs', job.id);
        await rows.update('jobs', { id: job.id }, { status, version: (row?.version ?? 0) + 1 });
      }) ?? Promise.reject(new Error('There is no database.'));
    await write('complete');
    // All sessions are read anew once a minute; it must not take that.
    const ends = readers.map((reader) => reader?.read().catch(() => 'ended'));
    for (const end of ends) expect(await Promise.race([end, delay(20_000)])).toBe('ended');
    // The job still runs, and ends as any other.
    await write('running');
  });
});
