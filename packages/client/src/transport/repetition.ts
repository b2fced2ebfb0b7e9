import type { OperationId } from '@user-workspaces/schema';
import type { UserWorkspacesError } from '../errors.js';
import { wasNotCarriedOut } from './failure.js';
import { operationOf } from './operations.js';

/**
 * When a request may be sent again. `always`: doing it twice is doing it once. `unless carried out`: only after a failure
 * that shows that it was not done. `never`: its body can be sent only once.
 */
export type Repetition = 'always' | 'unless carried out' | 'never';

/** A longer wait is left to the caller, who sees it in `retryAfterMs`. */
const longestRetryAfterMs = 60_000;

/**
 * PUT and POST whose second execution changes nothing: they state a result, not a step. Renaming, appending and signing
 * in are steps. Operations with an Idempotency-Key are safe by that.
 */
const resultsNotSteps: readonly OperationId[] = [
  'updateWorkspace',
  'uploadFiles',
  'makeDirectory',
  'writeFile',
  'createUpload',
  'stopJob',
  'extendJob',
  'acceptShare',
];

export function repetitionOf(id: OperationId): Repetition {
  const { method, idempotencyKey } = operationOf(id);
  if (method === 'GET' || method === 'DELETE' || idempotencyKey || resultsNotSteps.includes(id)) return 'always';
  return 'unless carried out';
}

/** Whether this failure allows another attempt. */
export function mayRepeat(failure: UserWorkspacesError, repetition: Repetition, attempts: number): boolean {
  if (repetition === 'never') return false;
  // The attempt whose answer was lost may still be at work under the same key.
  if (failure.code === 'idempotency_conflict') return attempts > 1;
  if (!failure.retryable || (failure.retryAfterMs ?? 0) > longestRetryAfterMs) return false;
  return repetition === 'always' || wasNotCarriedOut(failure);
}

/**
 * Whether the failure of a repeated request says that an earlier attempt, whose answer was lost, has done the work: what
 * was to be deleted is gone, the job that was to stop is not running any more.
 */
export function isDoneAlready(id: OperationId, failure: UserWorkspacesError, attempts: number): boolean {
  if (attempts < 2) return false;
  if (operationOf(id).method === 'DELETE') return failure.status === 404;
  return id === 'stopJob' && failure.status === 400;
}

/**
 * The pause before the next attempt: the server's wish, or one that doubles from half a second to half a minute, with a
 * random part so that many clients do not come back at once.
 */
export function pauseMs(failures: number, failure?: UserWorkspacesError | undefined): number {
  const doubled = Math.min(30_000, 500 * 2 ** Math.min(failures - 1, 10));
  return failure?.retryAfterMs ?? doubled * (0.5 + Math.random() / 2);
}
