import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { type Actor, actorOf, nobody } from '../../src/records/audit.js';
import type { Journal } from '../../src/records/journal.js';
import type { RecordTransaction } from '../../src/records/record-transaction.js';
import { Refusals } from '../../src/records/refusals.js';

let nowMs: number;
let written: (string | null)[];
let leftOut: Record<string, number>;
let refusals: Refusals;

beforeEach(() => {
  nowMs = Date.now();
  written = [];
  leftOut = {};
  const transaction = {
    audit: async (actor: Actor) => void written.push(actor.name ?? actor.address),
  } as unknown as RecordTransaction;
  const journal: Pick<Journal, 'transaction'> = { transaction: (change) => change(transaction) };
  const count = (action: string): void => {
    leftOut[action] = (leftOut[action] ?? 0) + 1;
  };
  refusals = new Refusals(journal, pino({ level: 'silent' }), () => nowMs, count);
});

const from = (address: string): Actor => nobody({ address, requestId: null });
const user = (id: number, username: string): Actor =>
  actorOf({ user: { id, username }, origin: { address: '192.0.2.1', requestId: null } });

async function refuse(actor: Actor, count = 1, action: 'sign_in' | 'administration' = 'sign_in'): Promise<void> {
  for (let i = 0; i < count; i++) await refusals.record(actor, { action });
}

it('of users are written however many others fail to sign in, up to a bound of each user and kind', async () => {
  for (let i = 0; i < 60; i++) await refuse(from(`198.51.100.${i}`), 20);
  expect(written).toHaveLength(1_000);
  written = [];
  await refuse(user(2, 'bob'), 25, 'administration');
  await refuse(user(3, 'carol'), 1, 'administration');
  expect(written).toEqual([...Array<string>(20).fill('bob'), 'carol']);
  expect(leftOut).toEqual({ sign_in: 200, administration: 5 });
});

it('of one IPv6 network are counted together, as where requests are admitted', async () => {
  for (let i = 0; i < 30; i++) await refuse(from(`2001:db8::${i.toString(16)}`));
  await refuse(from('2001:db8:0:1::1'));
  expect(written).toHaveLength(21);
  expect(leftOut).toEqual({ sign_in: 10 });
  nowMs += 60_000;
  await refuse(from('2001:db8::1'));
  expect(written).toHaveLength(22);
});
