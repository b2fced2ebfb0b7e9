// What a process leaves that died, and whose clock was ahead.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { correctTimes, takeLease } from '../../src/reconciler/lease.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const hour = 3_600_000;

test('what is due in an hour is due now, and a lease of an hour is none', async () => {
  const { context, database } = fixture;
  const nowMs = Date.now();
  const leased = { lease_owner: 'other', lease_until_ms: nowMs + hour };
  const late = await fixture.addJob({ due_at_ms: nowMs + hour, ...leased });
  const soon = await fixture.addJob({ due_at_ms: nowMs + 60_000 });
  const held = await fixture.addJob({ due_at_ms: nowMs, ...leased, lease_until_ms: nowMs + 60_000 });
  await correctTimes(context);
  const now = async ({ id }: { id: number }) => database.findOne('jobs', { id });
  expect((await now(late))?.due_at_ms).toBeLessThanOrEqual(Date.now());
  expect(await now(late)).toMatchObject({ lease_owner: null, lease_until_ms: 0 });
  expect(await now(soon)).toMatchObject({ due_at_ms: nowMs + 60_000 });
  expect(await now(held)).toMatchObject({ lease_owner: 'other' });
});

test('a lease that cannot be true is taken over, and one that can is not', async () => {
  const { context } = fixture;
  const leased = { lease_owner: 'other', lease_until_ms: Date.now() + hour };
  const row = await fixture.addJob(leased);
  // Renewed meanwhile: somebody lives.
  expect(await takeLease(context, 'jobs', { ...row, lease_until_ms: row.lease_until_ms - 20_000 })).toBeUndefined();
  expect(await takeLease(context, 'jobs', row)).toMatchObject({ lease_owner: context.instance, lease_fence: 1 });
  const held = await fixture.addJob({ ...leased, lease_until_ms: Date.now() + 60_000 });
  expect(await takeLease(context, 'jobs', held)).toBeUndefined();
});
