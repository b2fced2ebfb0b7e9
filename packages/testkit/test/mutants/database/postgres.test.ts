import { AdapterError, type Database } from '@user-workspaces/contract';
import { databaseSuite } from '@user-workspaces/testkit';
import { afterAll, beforeAll } from 'vitest';
import { describeUnless } from '../../../../../test/support/requirements.js';
import { createSqlDatabase } from '../../../../database-sql/src/index.js';
import { postgres, type TestServer } from '../../../../database-sql/test/support/servers.js';
import { databaseUnderTest } from '../../../../database-sql/test/support/world.js';
import { altered } from '../altered.js';
import { testMutants } from '../mutants.js';

/** What is said where the outcome of a commit is not known; `done` is what the work had answered. */
type Saying = <R>(unknown: AdapterError, done: R, again: () => Promise<R>) => Promise<R>;

/** The shipped database with another answer where a commit was lost. */
const where = (say: Saying) => (database: Database) =>
  altered<Database>(database, {
    async transaction<R>(...[work, signal]: Parameters<typeof database.transaction<R>>): Promise<R> {
      let done: { readonly answer: R } | undefined;
      try {
        return await database.transaction(async (own) => {
          done = undefined;
          const answer = await work(own);
          done = { answer };
          return answer;
        }, signal);
      } catch (error) {
        if (!done || !AdapterError.is(error, 'unavailable') || error.details?.outcome !== 'unknown') throw error;
        return say(error, done.answer, () => database.transaction(work, signal));
      }
    },
  });

describeUnless(postgres.missing, 'on PostgreSQL', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await postgres.create();
    await server.start();
  }, 60_000);
  afterAll(() => server.remove());

  const differences = { fullDisk: 'The disk is the database server’s, which is not this adapter’s to fill.' };
  const opening = (adapt: (database: Database) => Database) =>
    databaseUnderTest(
      'PostgreSQL',
      () => server.createDatabase(),
      differences,
      (options) => adapt(createSqlDatabase(options)),
    ).open;
  let opened = 0;
  const telling = (tell: (told: number) => number) =>
    opening((database) =>
      altered<Database>(database, { nowMs: async () => tell((await database.nowMs?.()) ?? Number.NaN) }),
    );
  testMutants(
    databaseSuite,
    differences,
    [
      {
        fault: 'tells a commit that was lost as a failure like any other',
        open: opening(
          where(async ({ kind, message }) => {
            throw new AdapterError(kind, message);
          }),
        ),
        breaks: ['commit.lost'],
      },
      {
        fault: 'takes a commit that was lost for done',
        open: opening(where(async (_, done) => done)),
        breaks: ['commit.lost'],
      },
      {
        fault: 'does a transaction again whose commit was lost',
        open: opening(where((_unknown, _done, again) => again())),
        breaks: ['commit.lost'],
      },
      {
        fault: 'says of every connection that broke that the outcome is unknown',
        open: opening((database) =>
          altered<Database>(database, {
            transaction: (work, signal) =>
              database.transaction(work, signal).catch((error: unknown) => {
                if (!AdapterError.is(error, 'unavailable')) throw error;
                throw new AdapterError('unavailable', error.message, { details: { outcome: 'unknown' } });
              }),
          }),
        ),
        breaks: ['statement.lost'],
      },
      {
        fault: 'tells the time in seconds',
        open: telling((ms) => Math.floor(ms / 1000)),
        breaks: ['clock.time'],
      },
      {
        fault: 'tells fractions of milliseconds',
        open: telling((ms) => ms + 0.5),
        breaks: ['clock.time'],
      },
      {
        fault: 'tells the time of the first question again and again',
        open: opening((database) => {
          let first: number | undefined;
          return altered<Database>(database, {
            nowMs: async () => {
              const now = await database.nowMs?.();
              first ??= now;
              return first ?? Number.NaN;
            },
          });
        }),
        breaks: ['clock.time'],
      },
      {
        fault: 'tells the time of the machine that asks',
        open: telling(() => Date.now()),
        breaks: ['clock.shared'],
      },
      {
        fault: 'tells each replica another time',
        open: opening((database) => {
          opened += 1;
          const aheadMs = opened * 1000;
          return altered<Database>(database, {
            nowMs: async () => ((await database.nowMs?.()) ?? Number.NaN) + aheadMs,
          });
        }),
        breaks: ['clock.shared'],
      },
      {
        fault: 'tells the time of this machine while the database is away',
        open: opening((database) =>
          altered<Database>(database, {
            nowMs: () => database.nowMs?.().catch(() => Date.now()) ?? Promise.resolve(Number.NaN),
          }),
        ),
        breaks: ['clock.unavailable'],
      },
    ],
    8,
  );
});
