import type { Database, JobRow } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KnownJobs } from '../../src/reconciler/known-jobs.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
let jobs: JobRow[];
let known: KnownJobs;
/** How many rows each statement gave. */
let reads: number[];

/** More than two sweeps read anew. */
const count = 1_100;

beforeEach(async () => {
  fixture = await startFixture();
  const { id: _, ...first } = await fixture.addJob({ launch_begun: true });
  jobs = await fixture.database.transaction(async (transaction) => {
    await transaction.remove('jobs', { launch_key: first.launch_key });
    const rows: JobRow[] = [];
    for (let index = 0; index < count; index += 1) {
      rows.push(await transaction.insert('jobs', { ...first, launch_key: String(index).padStart(32, '0') }));
    }
    return rows;
  });
  reads = [];
  known = new KnownJobs(counting(fixture.database));
});
afterEach(() => fixture.close());

function counting(database: Database): Pick<Database, 'find'> {
  return {
    async find(table, query) {
      const rows = await database.find(table, query);
      reads.push(rows.length);
      return rows;
    },
  };
}

/** As another process writes, of which this one hears nothing. */
function writeElsewhere(id: number, changes: Partial<JobRow>): Promise<number> {
  return fixture.database.transaction((transaction) => transaction.update('jobs', { id }, changes));
}

const all = (): number[] => jobs.map(({ id }) => id);
const at = (index: number): JobRow => jobs[index] ?? expect.unreachable();

describe('the jobs that a process knows', () => {
  test('are all active ones of the resource after the first sweep', async () => {
    await writeElsewhere(at(700).id, { status: 'failed' });
    await writeElsewhere(at(701).id, { resource: 'another' });
    const expected = all().filter((id) => id !== at(700).id && id !== at(701).id);
    expect(await known.idsOf('fake')).toEqual(expected);
    expect(await known.idsOf('another')).toEqual([at(701).id]);
    expect(known.rowsOf([at(0).id])).toEqual([at(0)]);
  });

  test('are read anew 500 at a time, so that what another process writes is seen after some sweeps', async () => {
    await known.idsOf('fake');
    expect(reads).toEqual([500, 500, 100]);
    await writeElsewhere(at(1_050).id, { status: 'complete', version: 2 });
    await writeElsewhere(at(3).id, { queue_reason: 'another reason', version: 2 });
    reads = [];
    expect(await known.idsOf('fake')).toEqual(all());
    expect(known.rowsOf([at(3).id])).toMatchObject([{ queue_reason: 'another reason' }]);
    expect(await known.idsOf('fake')).toEqual(all());
    expect(await known.idsOf('fake')).toEqual(all().filter((id) => id !== at(1_050).id));
    expect(Math.max(...reads)).toBe(500);
    const added = await fixture.addJob({});
    await known.idsOf('fake');
    await known.idsOf('fake');
    expect(await known.idsOf('fake')).toContain(added.id);
  });

  test('are as this process has written them, and never as they were before', async () => {
    await known.idsOf('fake');
    const before = at(5);
    const changed = await fixture.context.journal.transaction((transaction) =>
      transaction.changeJob(before, { queue_reason: 'new' }),
    );
    known.take([changed]);
    // Read before that, and late to arrive.
    known.take([before]);
    expect(known.rowsOf([before.id])).toEqual([changed]);
    known.take([{ ...changed, lease_fence: 1 }]);
    known.take([changed]);
    expect(known.rowsOf([before.id])).toMatchObject([{ lease_fence: 1 }]);
    known.take([{ ...changed, version: 3, status: 'complete' }]);
    expect(known.rowsOf([before.id])).toEqual([]);
  });

  test('have their last use at every sweep where a warning depends on it', async () => {
    const warned = { status: 'running', idle_stop_at_ms: 9_000, version: 2 } as const;
    await writeElsewhere(at(1_000).id, warned);
    await known.idsOf('fake');
    await writeElsewhere(at(1_000).id, { last_activity_at_ms: 8_000 });
    await known.idsOf('fake');
    expect(known.rowsOf([at(1_000).id])).toMatchObject([{ last_activity_at_ms: 8_000 }]);
  });

  test('are asked about with the place of their workspace, which is read once', async () => {
    await known.idsOf('fake');
    reads = [];
    const references = await known.referencesTo(jobs);
    expect(references).toHaveLength(count);
    const { location: workspacePath } = fixture.workspace;
    const [first] = references;
    expect(first).toMatchObject({ launchKey: at(0).launch_key, workspacePath, account: { name: 'alice' } });
    expect(references.at(-1)).toMatchObject({ launchKey: at(-1 + count).launch_key, workspacePath });
    expect(reads).toEqual([1, 1, 1]);
    known.take([{ ...at(0), version: 2, resource_handle: '17' }]);
    reads = [];
    const [again] = await known.referencesTo(known.rowsOf([at(0).id]));
    expect(again).toEqual({ ...first, handle: '17' });
    expect(reads).toEqual([]);
  });
});
