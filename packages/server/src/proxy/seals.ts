import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SessionOwner } from './options.js';

type Purpose = 'ticket' | 'cookie';

const ticketLifeMs = 15 * 60_000;
/** All tickets of one window are the same text, so that an answer that holds one stays the same and can be cached. */
const ticketWindowMs = 60_000;
const cookieLifeMs = 12 * 60 * 60_000;

const form = /^v2\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{43})$/;

/**
 * Makes and checks tickets and cookies. Neither is stored: each is an expiry and an HMAC-SHA256 over purpose, version, job, user, the
 * user's epoch and expiry, so one that was made for another job, another user or the other purpose, or before the user was deactivated, never passes.
 */
export class Seals {
  readonly #key: Uint8Array;
  readonly #now: () => number;

  constructor(key: Uint8Array, now: () => number) {
    if (key.byteLength < 32) throw new RangeError('The signing key of the session proxy needs at least 32 bytes.');
    this.#key = key;
    this.#now = now;
  }

  /** Good for at least 15 and less than 16 minutes, any number of times. */
  ticket(owner: SessionOwner): string {
    const windowStart = Math.floor(this.#now() / ticketWindowMs) * ticketWindowMs;
    return this.#seal('ticket', owner, windowStart + ticketWindowMs + ticketLifeMs);
  }

  /** Good for 12 hours. */
  cookie(owner: SessionOwner): string {
    return this.#seal('cookie', owner, this.#now() + cookieLifeMs);
  }

  isTicket(value: string, owner: SessionOwner): boolean {
    return this.#remainingMs('ticket', value, owner) > 0;
  }

  /** `stale` is a good one past half its life, which should be renewed. */
  checkCookie(value: string, owner: SessionOwner): 'good' | 'stale' | 'bad' {
    const remainingMs = this.#remainingMs('cookie', value, owner);
    if (remainingMs <= 0) return 'bad';
    return remainingMs < cookieLifeMs / 2 ? 'stale' : 'good';
  }

  #seal(purpose: Purpose, owner: SessionOwner, expiresAtMs: number): string {
    const expiry = expiresAtMs.toString(36);
    return `v2.${expiry}.${this.#mac(purpose, owner, expiry)}`;
  }

  #remainingMs(purpose: Purpose, value: string, owner: SessionOwner): number {
    const [, expiry, mac] = form.exec(value) ?? [];
    if (expiry === undefined || mac === undefined) return 0;
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(this.#mac(purpose, owner, expiry)))) return 0;
    return Number.parseInt(expiry, 36) - this.#now();
  }

  #mac(purpose: Purpose, owner: SessionOwner, expiry: string): string {
    return createHmac('sha256', this.#key)
      .update(`user-workspaces session ${purpose} v2 ${owner.jobId} ${owner.userId} ${owner.epoch} ${expiry}`)
      .digest('base64url');
  }
}
