// Many users work through the SDK while servers are killed and everything around them is disturbed; then everything is looked at.
import { describe, expect, test } from 'vitest';
import { postgres } from '../../packages/database-sql/test/support/servers.js';
import { describeUnless } from '../support/requirements.js';
import { faultsOf } from './storm/faults.js';
import { missingMount } from './storm/small-disk.js';
import { type StormOptions, seed, seedOfCi, storm, stormPlan } from './storm/storm.js';

const timeout = process.env.UWS_LONG ? 6 * 3_600_000 : 1_800_000;

const onPostgres: StormOptions = { seed, database: 'postgres', replicas: 2, persons: 10, steps: 50 };
const onSqlite: StormOptions = { seed, database: 'sqlite', replicas: 1, diskMegabytes: 64, persons: 8, steps: 80 };

describe('the plan of a run', () => {
  test('is the same for the same seed', () => {
    for (const options of [onPostgres, onSqlite]) {
      expect(stormPlan(options)).toEqual(stormPlan(options));
      expect(stormPlan({ ...options, seed: seed + 1 })).not.toEqual(stormPlan(options));
    }
  });

  test.each([onPostgres, onSqlite])('has every kind of fault in CI: $database', (options) => {
    const { lanes } = stormPlan({ ...options, seed: seedOfCi });
    const kinds = faultsOf(options, Boolean(process.env.UWS_LONG)).map((lane) => lane.map(({ fault }) => fault).sort());
    expect(lanes.map((strikes) => [...new Set(strikes.map(({ fault }) => fault))].sort())).toEqual(kinds);
  });
});

describeUnless(postgres.missing, 'two servers on PostgreSQL', () => {
  test(`keep what they promised, whatever fails: seed ${seed}`, { timeout }, async () => {
    const { problems, figures } = await storm(onPostgres);
    console.log(`PostgreSQL, seed ${seed}: ${figures}`);
    expect(problems).toEqual([]);
  });
});

describeUnless(missingMount(), 'a server on SQLite with a small disk', () => {
  test(`keeps what it promised, whatever fails: seed ${seed}`, { timeout }, async () => {
    const { problems, figures } = await storm(onSqlite);
    console.log(`SQLite, seed ${seed}: ${figures}`);
    expect(problems).toEqual([]);
  });
});
