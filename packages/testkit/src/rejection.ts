import assert from 'node:assert/strict';
import { AdapterError, type AdapterErrorKind } from '@user-workspaces/contract';

/** What a promise is rejected with. @throws when it is not. */
export async function rejection(attempt: Promise<unknown> | (() => unknown), what: string): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    return error;
  }
  assert.fail(`${what} was not refused, but answered ${JSON.stringify(answer)}.`);
}

/** Asserts that a call throws an `AdapterError` of one of these kinds, with a sentence in it. */
export async function rejectedWith(
  kinds: AdapterErrorKind | readonly AdapterErrorKind[],
  attempt: Promise<unknown> | (() => unknown),
  what: string,
): Promise<AdapterError> {
  const wanted: readonly string[] = typeof kinds === 'string' ? [kinds] : kinds;
  const error = await rejection(attempt, what);
  assert.ok(AdapterError.is(error), `${what} threw ${String(error)} instead of an AdapterError.`);
  assert.ok(wanted.includes(error.kind), `${what} threw "${error.kind}" instead of "${wanted.join('" or "')}".`);
  assert.ok(error.message.trim() !== '', `${what} threw an error without a message.`);
  return error;
}

/** Asserts that a call rejects with the reason of a signal that was aborted beforehand. */
export async function rejectedByAbort(call: (signal: AbortSignal) => Promise<unknown>, what: string): Promise<void> {
  const reason = new Error('The caller does not want the answer any more.');
  const error = await rejection(call(AbortSignal.abort(reason)), `${what} with an aborted signal`);
  assert.equal(error, reason, `${what} with an aborted signal threw something else than the signal's reason.`);
}
