import { setTimeout as delay } from 'node:timers/promises';
import { UserWorkspacesError } from '@user-workspaces/client';

/** No faults last so long, one after the other: who gets no answer for so long has found a defect. In the long form servers are halted beyond their leases. */
export const patienceMs = process.env.UWS_LONG ? 360_000 : 120_000;

/** What became of a request in the end. */
export type Outcome<T> =
  | { readonly value: T; readonly attempts: number }
  /** Refused for good. */
  | { readonly refusal: UserWorkspacesError; readonly attempts: number };

/** Whether trying again is right: nothing was said about the request itself. */
function isPassing(error: UserWorkspacesError): boolean {
  if (error.retryable || error.code === 'disk_full') return true;
  // Busy with another change, still being made, still at work under this key.
  return error.status === 409 && error.retryAfterMs !== undefined;
}

/**
 * Repeats a call, as a person or a program would, until the server has said what becomes of it. Each repetition carries the same
 * Idempotency-Key or states the same result.
 */
export async function insist<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  const deadline = Date.now() + patienceMs;
  for (let attempts = 1; ; attempts++) {
    try {
      return { value: await call(), attempts };
    } catch (error) {
      if (!(error instanceof UserWorkspacesError)) throw error;
      if (!isPassing(error)) return { refusal: error, attempts };
      if (Date.now() > deadline)
        throw new Error(`No answer in ${patienceMs} ms; the last: ${error.code}, ${error.message}`);
      await delay(Math.min(error.retryAfterMs ?? 100, 500));
    }
  }
}

/** @throws when it was refused. */
export async function insistOn<T>(what: string, call: () => Promise<T>): Promise<{ value: T; attempts: number }> {
  const outcome = await insist(call);
  if ('value' in outcome) return outcome;
  const { code, status, message, requestId } = outcome.refusal;
  throw new Error(
    `${what} was refused: ${status} ${code} ${message} (request ${requestId}, attempt ${outcome.attempts})`,
  );
}
