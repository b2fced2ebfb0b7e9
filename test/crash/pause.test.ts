// Halts servers, each at a step of its work, until their leases have run out and another server on the same PostgreSQL has taken over; then they
// wake, and must not undo, repeat or overwrite what was done meanwhile.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserWorkspacesError } from '@user-workspaces/client';
import type { Database, WorkspaceRow } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgres } from '../../packages/database-sql/test/support/servers.js';
import { describeUnless } from '../support/requirements.js';
import { freePort, type RunningServer, removeDirectory, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, type User } from '../support/users.js';
import { endLeftProcesses, namesIn, settled, startsOf, until, violations } from './invariants.js';
import { insistOn } from './storm/insist.js';

const program = fileURLToPath(new URL('steps/server.mjs', import.meta.url));

/** As long as a lease: nobody renews those of a server that is halted. */
const leaseMs = 60_000;

describeUnless(postgres.missing, 'a server that sleeps past its lease', () => {
  let root: string;
  let data: string;
  let database: Database;
  let cluster: Awaited<ReturnType<typeof postgres.create>>;
  const servers: RunningServer[] = [];
  beforeAll(async () => {
    root = await temporaryDirectory();
    data = join(root, 'data');
    cluster = await postgres.create();
    await cluster.start();
    database = createSqlDatabase(cluster.options);
  });
  afterAll(async () => {
    for (const server of servers) await server.stop('SIGKILL');
    await endLeftProcesses({ data });
    await database.close();
    await cluster.remove();
    await removeDirectory(root);
  });

  async function start(instance: string): Promise<RunningServer> {
    const env = { CRASH_DATABASE_URL: String(cluster.options.connection), CRASH_INSTANCE: instance };
    const server = await startServer({ command: [program], dataDirectory: data, port: await freePort(), env });
    servers.push(server);
    return server;
  }

  /** Gives a new server, the only one that is awake, something to do, and halts it at the n-th time that it comes to a step. */
  async function sleepAt(step: string, count: number, ask: (ada: User) => Promise<unknown>): Promise<RunningServer> {
    const server = await start(`${step} ${count}`);
    const ada = await signIn(server, 'ada');
    const query = `step=${encodeURIComponent(step)}&count=${count}&signal=SIGSTOP`;
    await fetch(`${server.baseUrl}/.crash?${query}`, { method: 'POST' });
    const asking = ask(ada);
    await until(
      `a server sleeps at ${step}`,
      async () => {
        const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8');
        return /^State:\s+T/m.test(status) ? true : undefined;
      },
      30_000,
    );
    await asking;
    return server;
  }

  const rowOf = async (name: string): Promise<WorkspaceRow | undefined> => database.findOne('workspaces', { name });

  test('does not undo, repeat or overwrite what its successor did', { timeout: 600_000 }, async () => {
    const first = await start('first');
    const early = await signIn(first, 'ada');
    const { id: benId } = await (await signIn(first, 'ben')).client.me();
    const files = ['notes.txt', 'more.txt'].map((name) => ({ name, content: 'first' }));
    const make = (name: string) =>
      early.client.workspaces.create({ name, description: '', workspace_details: { files } });
    const [updated, started] = [await make('updated'), await make('started')];
    const originals = [await make('shared'), await make('shared, half copied')];
    // Nobody but those that are to sleep may do the work.
    await first.stop();

    // Nobody waits for the answers of those that sleep, but for one.
    const impatient = { retries: 0, timeoutMs: 3_000 };
    const ignored = (answer: Promise<unknown>): Promise<unknown> => answer.catch(() => undefined);
    const changes = { workspace_details: { files: [{ name: 'notes.txt', content: 'second' }] } };
    const wish = { name: 'created', description: '', workspace_details: { files } };
    const share = (index: number) => (ada: User) =>
      ignored(
        ada.client.shares.create(
          { original_workspace_id: originals[index]?.id ?? 0, shared_user_ids: [benId] },
          impatient,
        ),
      );
    let lateAnswer: Promise<unknown> | undefined;
    await sleepAt('before files.put', 1, ({ client }) =>
      ignored(client.workspaces.update(updated.id, changes, impatient)),
    );
    await sleepAt('before workspace.create', 1, async ({ client }) => {
      const options = { retries: 0, timeoutMs: 300_000, idempotencyKey: 'created' };
      lateAnswer = client.workspaces.create(wish, options).catch((error: unknown) => error);
    });
    await sleepAt('before share.copy', 1, share(0));
    // In the middle of the copy: the first of its files is in place.
    await sleepAt('before files: create', 2, share(1));
    await sleepAt('before resource.launch', 1, ({ client }) =>
      ignored(client.workspaces.start(started.id, { job_type: 'counting', job_details: { seconds: 100 } }, impatient)),
    );
    const sleepers = servers.slice(1);
    const awake = await start('awake');
    const [ada, ben] = [await signIn(awake, 'ada'), await signIn(awake, 'ben')];

    const place = { data, starts: join(data, 'starts'), database };
    await delay(leaseMs);
    await settled(place, 30_000);

    // The successor has done it; its users go on.
    expect(await ada.client.files.readText(updated.id, 'notes.txt')).toBe('second');
    await ada.client.files.write(updated.id, 'notes.txt', 'third');
    expect(await rowOf('created')).toBeUndefined();
    const { value: created } = await insistOn('creating', () =>
      ada.client.workspaces.create(wish, { idempotencyKey: 'created' }),
    );
    const copies: number[] = [];
    for (const original of originals) {
      const { shared_workspace_id } = (await database.findOne('shares', { original_workspace_id: original.id })) ?? {};
      const copy = shared_workspace_id ?? 0;
      copies.push(copy);
      await ben.client.shares.accept(copy);
      for (const { name } of files) {
        expect(await ben.client.files.readText(copy, name)).toBe('first');
        await ben.client.files.write(copy, name, "ben's own");
      }
    }
    const job = await database.findOne('jobs', { workspace_id: started.id });
    expect(job?.status).toBe('running');

    for (const { process } of sleepers) process.kill('SIGCONT');
    const answer = await lateAnswer;
    expect(answer).toBeInstanceOf(UserWorkspacesError);
    expect(answer).toMatchObject({ status: 503, retryable: true });
    await delay(4_000);
    await settled(place);

    expect(await ada.client.files.readText(updated.id, 'notes.txt')).toBe('third');
    expect(await ada.client.files.readText(created.id, 'notes.txt')).toBe('first');
    expect((await ada.client.workspaces.list({ name: 'created' })).items).toHaveLength(1);
    for (const copy of copies) {
      for (const { name } of files) expect(await ben.client.files.readText(copy, name)).toBe("ben's own");
    }
    expect(await startsOf(place, job?.id ?? 0)).toBe(1);
    expect(await violations(place)).toEqual([]);

    for (const id of [updated, created, started, ...originals].map((workspace) => workspace.id))
      await ada.client.workspaces.delete(id, { force: true });
    for (const copy of copies) await ben.client.workspaces.delete(copy);
    await settled(place, 30_000);
    expect(await violations(place)).toEqual([]);
    for (const name of ['ada', 'ben']) expect(await namesIn(join(data, 'workspaces', name))).toEqual([]);
  });
});
