import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import type { SessionRoute, TokenHolder } from '../../src/proxy/index.js';
import type { Actor, AuditEvent } from '../../src/records/audit.js';
import type { Journal } from '../../src/records/journal.js';
import { Openings } from '../../src/records/openings.js';
import type { RecordTransaction } from '../../src/records/record-transaction.js';

const alice: TokenHolder = { user: { id: 2, username: 'alice' }, tokenId: 5 };
const session = (jobId: number): SessionRoute => ({
  jobId,
  userId: 2,
  epoch: 0,
  host: '127.0.0.1',
  port: 9_000,
  basePath: 'keep',
});

let nowMs: number;
let written: [string | null, number | undefined, AuditEvent['details']][];
let leftOut: string[];
let isAway: boolean;
let openings: Openings;

beforeEach(() => {
  nowMs = Date.now();
  written = [];
  leftOut = [];
  isAway = false;
  const transaction = {
    audit: async ({ address, name }: Actor, { subject, details }: AuditEvent) => {
      expect(name).toBe('alice');
      written.push([address, subject?.id, details]);
    },
  } as unknown as RecordTransaction;
  const journal: Pick<Journal, 'transaction'> = {
    transaction: async (change) => {
      if (isAway) throw new Error('The database is away.');
      return change(transaction);
    },
  };
  const database = { findOne: async () => alice.user } as unknown as ConstructorParameters<typeof Openings>[1];
  openings = new Openings(
    journal,
    database,
    pino({ level: 'silent' }),
    () => nowMs,
    (action) => leftOut.push(action),
  );
});

it('are written once a minute for each job and address, whatever opened them', async () => {
  const open = async (): Promise<void> => {
    await openings.record(session(7), 'ticket', '192.0.2.1');
    await openings.record(session(7), alice, '192.0.2.1');
    await openings.record(session(7), alice, '192.0.2.2');
    await openings.record(session(8), alice, '192.0.2.1');
    await openings.record(session(8), 'ticket', '2001:db8::1');
    await openings.record(session(8), 'ticket', '2001:db8::2');
  };
  await open();
  const expected = [
    ['192.0.2.1', 7, { by: 'ticket' }],
    ['192.0.2.2', 7, { by: 'token', token_id: 5 }],
    ['192.0.2.1', 8, { by: 'token', token_id: 5 }],
    ['2001:db8::1', 8, { by: 'ticket' }],
  ];
  expect(written).toEqual(expected);
  nowMs += 59_999;
  await open();
  expect(written).toHaveLength(4);
  nowMs += 1;
  await open();
  expect(written).toEqual([...expected, ...expected]);
});

it('of one user are written up to a bound, beyond which they are counted', async () => {
  for (let i = 0; i < 1_010; i++) await openings.record(session(i), alice, '192.0.2.1');
  expect([written.length, leftOut.length]).toEqual([1_000, 10]);
  nowMs += 60_000;
  await openings.record(session(7), alice, '192.0.2.1');
  expect(written).toHaveLength(1_001);
});

it('that could not be written are written at the next use', async () => {
  isAway = true;
  await openings.record(session(7), 'ticket', '192.0.2.1');
  isAway = false;
  await openings.record(session(7), 'ticket', '192.0.2.1');
  await openings.record(session(7), 'ticket', '192.0.2.1');
  expect(written).toHaveLength(1);
});
