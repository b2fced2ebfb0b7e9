// Tokens that are sent to sessions, where requests are not counted.
import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { ApiError } from '../../src/http/api-error.js';
import { Admission } from '../../src/limits/admission.js';
import { completeLimits } from '../../src/limits/limits.js';

const here = {} as IncomingMessage;
const elsewhere = {} as IncomingMessage;

function admission(): Admission {
  const limits = completeLimits({ failed_sign_ins_per_minute: 3, requests_per_minute: 1 });
  return new Admission(
    limits,
    () => 0,
    (request) => (request === here ? '192.0.2.1' : '192.0.2.2'),
  );
}

const wrong = async (): Promise<number> => {
  throw new ApiError('invalid_token', 'Wrong.');
};

it('after so many wrong ones of an address none is looked up any more, good ones of others are', async () => {
  const gate = admission();
  let lookedUp = 0;
  const good = async (): Promise<number> => {
    lookedUp += 1;
    return 7;
  };
  for (let index = 0; index < 3; index += 1) {
    expect(await gate.lookUpToken(here, good)).toBe(7);
    await expect(gate.lookUpToken(here, wrong)).rejects.toMatchObject({ code: 'invalid_token' });
  }
  lookedUp = 0;
  await expect(gate.lookUpToken(here, good)).rejects.toMatchObject({
    code: 'rate_limited',
    details: { name: 'failed_sign_ins_per_minute', limit: 3, used: 3, requested: 1 },
    headers: { 'Retry-After': '20' },
  });
  expect(lookedUp).toBe(0);
  expect(await gate.lookUpToken(elsewhere, good)).toBe(7);
  // Who signs in from there is not in the way of them.
  expect(await gate.signIn(here, good, async () => expect.unreachable())).toBe(7);
});

it('any number of good ones may come at once, and what fails for another reason does not count', async () => {
  const gate = admission();
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const good = async (): Promise<number> => opened.then(() => 7);
  const all = Array.from({ length: 300 }, () => gate.lookUpToken(here, good));
  open();
  expect(new Set(await Promise.all(all))).toEqual(new Set([7]));
  const fails = async (): Promise<number> => {
    throw new ApiError('unavailable', 'No database.');
  };
  for (let index = 0; index < 10; index += 1) {
    await expect(gate.lookUpToken(here, fails)).rejects.toMatchObject({ code: 'unavailable' });
  }
});

it('wrong ones that come all at once are all looked up, and paid for afterwards', async () => {
  const gate = admission();
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => gate.lookUpToken(here, wrong)));
  expect(all.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
    Array(5).fill('invalid_token'),
  );
  await expect(gate.lookUpToken(here, wrong)).rejects.toMatchObject({ headers: { 'Retry-After': '60' } });
});
