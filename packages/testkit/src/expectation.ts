import assert from 'node:assert/strict';
import { AdapterError, type AdapterErrorKind } from '@user-workspaces/contract';

type Attempt = Promise<unknown> | (() => unknown);

/** The adapter error that a call must end with, of one of these kinds and with a sentence in it; anything else fails the check. */
export async function refused(
  attempt: Attempt,
  kinds: AdapterErrorKind | readonly AdapterErrorKind[],
  what = 'The call',
): Promise<AdapterError> {
  const wanted: readonly string[] = [kinds].flat();
  const error = await failureOf(attempt, what);
  assert.ok(AdapterError.is(error), `${what} threw ${String(error)} instead of an AdapterError.`);
  const { kind, message } = error;
  assert.ok(wanted.includes(kind), `${what} threw "${kind}" instead of "${wanted.join('" or "')}": ${message}`);
  assert.ok(message.trim() !== '', `${what} threw an error without a message.`);
  return error;
}

/** What a call must throw, whatever it is. */
export async function failureOf(attempt: Attempt, what = 'The call'): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    return error;
  }
  return assert.fail(`${what} was not refused, but answered ${JSON.stringify(answer)}.`);
}

/** Asserts that a call rejects with the reason of a signal that was aborted beforehand. */
export async function rejectedByAbort(call: (signal: AbortSignal) => Promise<unknown>, what: string): Promise<void> {
  const reason = new Error('The caller does not want the answer any more.');
  const error = await failureOf(call(AbortSignal.abort(reason)), `${what} with an aborted signal`);
  assert.equal(error, reason, `${what} with an aborted signal threw something else than the signal's reason.`);
}

/** A promise that the test settles. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
