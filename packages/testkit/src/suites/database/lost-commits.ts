import assert from 'node:assert/strict';
import type { Database } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { addUser } from './rows.js';
import { type DatabaseGuarantee, offered, withTables } from './world.js';

/** What a transaction that raised a number by 1 said, against what it came to. */
async function assertTrue(end: PromiseSettledResult<unknown>, raisedBy: number, what: string): Promise<void> {
  assert.ok(raisedBy <= 1, `${what}, a transaction was done ${raisedBy} times.`);
  if (end.status === 'fulfilled') {
    assert.equal(raisedBy, 1, `${what}, a transaction is said to be done, and nothing of it is there.`);
    return;
  }
  const { details } = await refused(Promise.reject(end.reason), 'unavailable', `${what}, a transaction`);
  if (details?.outcome === 'unknown') return;
  assert.equal(
    raisedBy,
    0,
    `${what}, a transaction is said to have failed, without \`details.outcome\` "unknown", and is there.`,
  );
}

async function settled(work: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  const [end] = await Promise.allSettled([work]);
  return end;
}

async function raisedIn(database: Database, id: number): Promise<number> {
  return (await database.findOne('users', { id }))?.event_seq ?? 0;
}

export const lostCommitGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'commit.lost',
    promise:
      'When the connection breaks while a transaction is committed it is never said to be what it is not: where nobody can tell, the error is `unavailable` with `details.outcome` "unknown"; and it is not done twice.',
    trial:
      'The connection breaks before a commit arrives, and after it is done and before its answer arrives: what is said is compared with what is there. Then the next transaction is done.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, openOnBreakingLine }) => {
      const { database: onLine, breakAtCommit } = await offered(openOnBreakingLine, 'lostCommits')();
      for (const when of ['before', 'after'] as const) {
        const what = when === 'before' ? 'When a commit was lost' : 'When the answer to a commit was lost';
        const { id } = await addUser(database, when);
        const raise = (): Promise<unknown> =>
          onLine.transaction((transaction) => transaction.increment('users', id, 'event_seq', 1));
        await raise();
        const hasBroken = breakAtCommit(when);
        const end = await settled(raise());
        const raised = await raisedIn(database, id);
        assert.ok(hasBroken(), 'The world has not broken the connection at the commit, so that nothing was tried.');
        if (when === 'after') {
          assert.ok(raised > 1, 'The world has broken the connection before the commit, not after it was done.');
        }
        await assertTrue(end, raised - 1, what);
        await raise();
        assert.equal(await raisedIn(database, id), raised + 1, `${what}, the next transaction is not what is there.`);
      }
    }),
    without: {
      capability: 'lostCommits',
      trial:
        'The database is closed when the work of a transaction is done and nothing is committed: what is said is compared with what is there.',
      check: withTables(async ({ database, reopen }) => {
        const { id } = await addUser(database, 'counter');
        let closing: Promise<void> | undefined;
        const end = await settled(
          database.transaction(async (transaction) => {
            await transaction.increment('users', id, 'event_seq', 1);
            closing ??= database.close();
          }),
        );
        await closing;
        await assertTrue(end, await raisedIn(await reopen(), id), 'When it was closed');
      }),
    },
  },
  {
    id: 'statement.lost',
    promise:
      'When the connection breaks before a transaction is committed nothing of it is written, or it is done anew; the error says `unavailable`, and that the outcome is unknown only where it is.',
    trial: 'The connection breaks between two statements; then the next transaction is done.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, openOnBreakingLine }) => {
      const { database: onLine, breakNow } = await offered(openOnBreakingLine, 'lostCommits')();
      const { id } = await addUser(database, 'counter');
      let isBroken = false;
      const end = await settled(
        onLine.transaction(async (transaction) => {
          await transaction.increment('users', id, 'event_seq', 1);
          if (!isBroken) breakNow();
          isBroken = true;
          await transaction.update('users', { id }, { first_name: 'New' });
        }),
      );
      const raised = await raisedIn(database, id);
      await assertTrue(end, raised, 'When the connection broke before the commit');
      if (end.status === 'rejected') {
        const { details } = await refused(Promise.reject(end.reason), 'unavailable');
        assert.equal(details?.outcome, undefined, 'The outcome is said to be unknown, though nothing was committed.');
      }
      await onLine.transaction((transaction) => transaction.increment('users', id, 'event_seq', 1));
      assert.equal(await raisedIn(database, id), raised + 1);
    }),
    without: {
      capability: 'lostCommits',
      trial:
        'A database that was closed is written to: the error does not say that the outcome is unknown, and nothing is there.',
      check: withTables(async ({ database, reopen }) => {
        await database.close();
        const { details } = await refused(addUser(database, 'never'), 'unavailable');
        assert.equal(details?.outcome, undefined, 'The outcome is said to be unknown, though nothing was committed.');
        assert.equal(await (await reopen()).count('users', {}), 0);
      }),
    },
  },
];
