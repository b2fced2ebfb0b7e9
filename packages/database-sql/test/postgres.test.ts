import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createSqlDatabase } from '../src/index.js';
import { connect } from './support/introspect.js';
import { newUser } from './support/rows.js';
import { describeServer } from './support/server-suite.js';
import { postgres } from './support/servers.js';

describeServer('PostgreSQL', postgres);

test.skipIf(postgres.missing !== '')(
  'a statement that somebody cancels is run again',
  { timeout: 60_000 },
  async () => {
    const server = await postgres.create();
    await server.start();
    const [holder, other] = [connect(server.options), connect(server.options)];
    const database = createSqlDatabase(server.options);
    try {
      await database.migrate();
      const lock = await holder.transaction();
      await lock.raw('lock table users');
      const reading = database.count('users', {});
      const writing = database.transaction((transaction) => transaction.insert('users', newUser('ada')));
      for (let cancelled = 0; cancelled < 2; ) {
        const { rows } = await other.raw(
          "select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'",
        );
        cancelled += rows.length;
        await sleep(20);
      }
      await lock.rollback();
      expect(await writing).toMatchObject({ username: 'ada' });
      expect(await reading).toBeLessThan(2);
    } finally {
      await Promise.all([holder.destroy(), other.destroy()]);
      await database.close();
      await server.remove();
    }
  },
);
