import { createHash } from 'node:crypto';
import type { Database, DatabaseTransaction, IdempotencyRow, JsonObject } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';

/** How long a key is kept. */
export const idempotencyLifetimeMs = 24 * 60 * 60 * 1000;

/**
 * One `Idempotency-Key` of one request. The key is claimed in the transaction that makes the effect, so that an effect
 * without its key, or a key without its effect, cannot be.
 */
export interface Idempotency {
  /** What the first request with this key claimed, or `undefined` for the first. @throws ApiError `idempotency_conflict` when its body was another. */
  earlier(): Promise<IdempotencyRow | undefined>;
  /**
   * Claims the key for what the transaction makes.
   *
   * @param undone An earlier claim whose effect was undone: it counts no longer.
   * @throws ApiError `idempotency_conflict` when another request was faster.
   */
  claim(rows: DatabaseTransaction, subject: JsonObject, undone?: IdempotencyRow): Promise<void>;
}

/** @param content What makes the request this request: its path, and the body as it came. */
export function idempotency(
  database: Database,
  caller: { readonly userId: number; readonly operationId: string; readonly key: string },
  content: readonly (string | Uint8Array)[],
  nowMs: number,
): Idempotency {
  const keyHash = createHash('sha256').update(caller.key).digest('hex');
  const scope = `${caller.userId}:${caller.operationId}:${keyHash}`;
  const hash = createHash('sha256');
  for (const part of content) hash.update(part);
  const bodyHash = hash.digest('hex');
  const check = (row: IdempotencyRow): IdempotencyRow => {
    if (row.body_hash === bodyHash) return row;
    throw new ApiError('idempotency_conflict', 'This Idempotency-Key was used with another request. Use a new key.', {
      field: 'Idempotency-Key',
    });
  };
  return {
    async earlier() {
      const row = await database.findOne('idempotency_keys', {
        scope,
        created_at_ms: { gt: nowMs - idempotencyLifetimeMs },
      });
      return row && check(row);
    },
    async claim(rows, subject, undone) {
      if (undone) await rows.remove('idempotency_keys', { id: undone.id });
      await rows.remove('idempotency_keys', { scope, created_at_ms: { lte: nowMs - idempotencyLifetimeMs } });
      const present = await rows.findOne('idempotency_keys', { scope });
      if (present) {
        check(present);
        throw new ApiError(
          'idempotency_conflict',
          'The first request with this Idempotency-Key is still at work. Ask again.',
          {
            field: 'Idempotency-Key',
            headers: { 'Retry-After': '1' },
          },
        );
      }
      await rows.insert('idempotency_keys', {
        scope,
        body_hash: bodyHash,
        status: 200,
        answer: subject,
        created_at_ms: nowMs,
      });
    },
  };
}
