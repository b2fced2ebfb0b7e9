import assert from 'node:assert/strict';
import { AdapterError, type AdapterErrorKind } from '@user-workspaces/contract';

/** The adapter error that a call must end with, of one of these kinds; anything else fails the check. */
export async function refused(call: Promise<unknown>, ...kinds: readonly AdapterErrorKind[]): Promise<AdapterError> {
  const error = await failureOf(call);
  if (!AdapterError.is(error)) throw error;
  assert.ok(
    kinds.includes(error.kind),
    `expected the error ${kinds.join(' or ')}, not ${error.kind}: ${error.message}`,
  );
  return error;
}

/** What a call must throw, whatever it is. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    return error;
  }
  return assert.fail(`expected a refusal, but the call succeeded with ${JSON.stringify(value)}`);
}

/** A promise that the test settles. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
