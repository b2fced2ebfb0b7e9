import type { RequestOptions } from './transport.js';

/** Options of the operations that make something new. */
export interface KeyedOptions extends RequestOptions {
  /**
   * The same key with the same body gives the first answer again, for 24 hours: give one to make a call safe beyond this
   * process, for instance the id of the order it belongs to. The old service ignores it; use `retries: 0` there.
   * @default a new random key for each call, which makes the SDK's own retries safe
   */
  readonly idempotencyKey?: string | undefined;
}

/** The header that makes repeating a request safe. */
export function keyHeader(options: KeyedOptions | undefined): Record<string, string> {
  return { 'idempotency-key': options?.idempotencyKey ?? randomKey() };
}

/** `crypto.randomUUID` does not exist in pages that came over plain HTTP; random bytes do. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
