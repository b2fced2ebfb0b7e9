import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Readers } from '../../src/events/readers.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a request that ends its own token and takes longer than that is not found by those who look after it; another of the token ends', () => {
  const readers = new Readers();
  const request = new IncomingMessage(new Socket());
  const holder = { user: { id: 1 }, tokenId: 7 };
  const [asking, other] = [readers.enter(holder, request), readers.enter(holder, new IncomingMessage(new Socket()))];
  vi.advanceTimersByTime(5_000);
  expect(readers.callers()).toHaveLength(2);
  readers.closeTokens([6, 7], request);
  expect([asking.signal.aborted, other.signal.aborted]).toEqual([false, true]);
  other.leave();
  expect(readers.callers()).toEqual([]);
  // What was written meanwhile of its user counts.
  readers.closeUser(1);
  expect(asking.signal.aborted).toBe(true);
});
