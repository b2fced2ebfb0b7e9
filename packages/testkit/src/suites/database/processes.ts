import assert from 'node:assert/strict';
import { refused } from '../../expectation.js';
import { addUser, newUser } from './rows.js';
import { type DatabaseGuarantee, offered, withTables } from './world.js';

export const processGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'migrate.again',
    promise: '`migrate` creates or upgrades the tables; it is safe to call again.',
    trial: 'It is called again, by the same database and by one opened anew, over rows that must stay.',
    check: async ({ database, reopen }) => {
      await database.migrate();
      const row = await addUser(database, 'kept');
      await database.migrate();
      const reopened = await reopen();
      await reopened.migrate();
      assert.deepEqual(await reopened.find('users', {}), [row]);
    },
  },
  {
    id: 'migrate.at-once',
    promise: '`migrate` is safe to call from several processes at once.',
    trial: 'Three programs and two calls of this process migrate an empty database at once.',
    timeoutMs: 60_000,
    check: async ({ database, start }) => {
      const startMigration = offered(start, 'programs');
      const programs = await Promise.all([1, 2, 3].map(() => startMigration('migrate', 1)));
      await Promise.all([database.migrate(), database.migrate(), ...programs.map((program) => program.finished())]);
      await addUser(database, 'first');
      await refused(addUser(database, 'first'), 'conflict');
    },
    without: {
      capability: 'programs',
      trial: 'Several calls of this process migrate an empty database at once.',
      check: async ({ database }) => {
        await Promise.all([database.migrate(), database.migrate(), database.migrate()]);
        await addUser(database, 'first');
        await refused(addUser(database, 'first'), 'conflict');
      },
    },
  },
  {
    id: 'replicas.shared',
    promise:
      'Several server processes may use the database at once (`capabilities.replicas`): each sees what the others committed, and none loses an update.',
    trial: 'Two replicas raise the same number in turn and at once.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, reopen }) => {
      assert.equal(database.capabilities.replicas, true);
      const other = await reopen();
      const { id } = await addUser(database, 'shared');
      const raise = (replica: typeof database): Promise<number | undefined> =>
        replica.transaction((transaction) => transaction.increment('users', id, 'event_seq', 1));
      const bothSee = async (expected: number): Promise<void> => {
        for (const replica of [database, other]) {
          assert.equal((await replica.findOne('users', { id }))?.event_seq, expected);
        }
      };
      for (const [index, replica] of [database, other, database, other].entries()) {
        assert.equal(await raise(replica), index + 1);
        await bothSee(index + 1);
      }
      await Promise.all(Array.from({ length: 40 }, (_, index) => raise(index % 2 ? database : other)));
      await bothSee(44);
    }),
    without: {
      capability: 'replicas',
      trial: 'The capability says so.',
      check: async ({ database }) => assert.equal(database.capabilities.replicas, false),
    },
  },
  {
    id: 'programs.no-lost-update',
    promise: 'No update is lost between two processes.',
    trial:
      'A program raises a number again and again, until it is ended by KILL; meanwhile this process raises it 100 times.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, start }) => {
      const { id } = await addUser(database, 'shared');
      assert.equal(id, 1, 'the first id of an empty table is 1');
      const program = await offered(start, 'programs')('increment', 1_000_000);
      await program.printed(1);
      for (let count = 0; count < 100; count += 1) {
        await database.transaction((transaction) => transaction.increment('users', id, 'event_seq', 1));
      }
      await program.kill();
      const raised = (await database.findOne('users', { id }))?.event_seq ?? 0;
      // Its last raise may be kept, though it could not say so any more.
      const byProgram = raised - 100;
      const told = program.lines().length;
      assert.ok(
        byProgram === told || byProgram === told + 1,
        `the program raised it ${told} times, of which ${byProgram} are left beside 100 of this process`,
      );
    }),
    without: {
      capability: 'programs',
      trial: 'Two parts of this process raise the same number 100 times each.',
      check: withTables(async ({ database }) => {
        const { id } = await addUser(database, 'shared');
        const raise = async (): Promise<void> => {
          for (let count = 0; count < 100; count += 1) {
            await database.transaction((transaction) => transaction.increment('users', id, 'event_seq', 1));
          }
        };
        await Promise.all([raise(), raise()]);
        assert.equal((await database.findOne('users', { id }))?.event_seq, 200);
      }),
    },
  },
  {
    id: 'crash.whole',
    promise:
      'A transaction happens whole or not at all, and is kept once its promise has resolved, also when the process is killed.',
    trial:
      'A program that writes rows in pairs is ended by KILL; each pair that it reported is there, and no half of one.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, start }) => {
      const program = await offered(start, 'programs')('write-pairs', 1_000_000);
      await program.printed(25);
      await program.kill();
      const reported = program.lines().length;
      const numbersOf = async (letter: string): Promise<number[]> => {
        const rows = await database.find('users', { where: { username: { contains: `${letter}-` } } });
        return rows.map(({ username }) => Number(username.slice(2))).sort((one, other) => one - other);
      };
      const deadlineMs = performance.now() + 10_000;
      // The database itself may learn of the death a little later.
      let pairs = await numbersOf('a');
      while (pairs.length < reported && performance.now() < deadlineMs) pairs = await numbersOf('a');
      assert.deepEqual(
        pairs.slice(0, reported),
        Array.from({ length: reported }, (_, index) => index + 1),
      );
      await database.transaction((transaction) => transaction.insert('users', newUser('after')));
      assert.deepEqual(await numbersOf('b'), await numbersOf('a'));
    }),
    without: {
      capability: 'programs',
      trial: 'A database is closed in the middle of a transaction; nothing of it may be there when it is opened anew.',
      check: withTables(async ({ database, reopen }) => {
        const victim = await reopen();
        const work = victim.transaction(async (transaction) => {
          await transaction.insert('users', newUser('half'));
          void victim.close();
          await transaction.insert('users', newUser('other half'));
        });
        const isKept = await work.then(
          () => true,
          () => false,
        );
        assert.equal(await database.count('users', {}), isKept ? 2 : 0);
      }),
    },
  },
];
