import type { IncomingMessage } from 'node:http';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { HeldBodies, type HeldBody } from './held-bodies.js';
import { type LimitName, type Limits, tooLarge, tooMany } from './limits.js';
import { networkOf } from './network.js';
import { TokenBuckets } from './token-buckets.js';

/** What a user may have open so many of at once. */
export type Holding = 'open_requests' | 'open_event_streams' | 'open_job_sockets' | 'open_archives';

const holdings: Readonly<Record<Holding, string>> = {
  open_requests: 'You have too many requests under way. Wait for some to end.',
  open_event_streams: 'You have too many event streams open. Close some.',
  open_job_sockets: 'You have too many WebSockets of jobs open. Close some.',
  open_archives: 'You read too many archives at once. Wait for some to end.',
};

/** Something open may end at any moment, so asking again makes sense soon. */
const openRetrySeconds = 5;

/** What callers without a token may have in memory, of what users may. */
const partOfStrangers = 1 / 4;

/** A response or socket: what is held ends with it. */
interface Closing {
  readonly closed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Decides who may go on: the one place where a caller's requests are counted. What it remembers is bounded. */
export class Admission {
  readonly #limits: Limits;
  readonly #addressOf: (request: IncomingMessage) => string;
  readonly #requests: TokenBuckets;
  readonly #failedSignIns: TokenBuckets;
  readonly #wrongTokens: TokenBuckets;
  /** By user and holding; those without any are not kept. */
  readonly #held = new Map<string, number>();
  readonly #bodies: HeldBodies;
  /** Counted by themselves, so that those who have no account leave room for those who have one. */
  readonly #bodiesOfStrangers: HeldBodies;

  constructor(limits: Limits, now: () => number, addressOf: (request: IncomingMessage) => string) {
    this.#limits = limits;
    this.#addressOf = (request) => networkOf(addressOf(request));
    this.#requests = new TokenBuckets(limits.requests_per_minute, now);
    this.#failedSignIns = new TokenBuckets(limits.failed_sign_ins_per_minute, now);
    this.#wrongTokens = new TokenBuckets(limits.failed_sign_ins_per_minute, now);
    this.#bodies = new HeldBodies(limits);
    this.#bodiesOfStrangers = new HeldBodies({
      open_json_bytes: Math.ceil(limits.open_json_bytes * partOfStrangers),
      all_json_bytes: Math.ceil(limits.all_json_bytes * partOfStrangers),
    });
  }

  /** Refuses a request by its head. @throws ApiError `too_large`, `invalid_field` */
  checkHead({ url = '', httpVersion, rawHeaders }: IncomingMessage): void {
    // Node takes it for HTTP/0.9, and for headers what another reader takes for the rest of the address.
    if (httpVersion === '0.9') {
      throw new ApiError('invalid_field', 'The first line of the request names no version of HTTP.');
    }
    if (url.length > this.#limits.url_bytes) throw tooLarge(this.#limits, 'url_bytes', 'The address', url.length);
    const headers = rawHeaders.length / 2;
    if (headers > this.#limits.headers) throw tooLarge(this.#limits, 'headers', 'The request', headers);
  }

  /**
   * Lets a request in, counted for its user, or for its address if it has none or wrong credentials.
   *
   * @param isWatching What watches the server asks for this without credentials, and then it counts for nobody: others of its address must not get into its way.
   * @throws ApiError `rate_limited`, and what `authenticate` throws.
   */
  async admit(
    request: IncomingMessage,
    authenticate: () => Promise<Caller | undefined>,
    isWatching = false,
  ): Promise<Caller | undefined> {
    const address = `address ${this.#addressOf(request)}`;
    let caller: Caller | undefined;
    try {
      caller = await authenticate();
    } catch (error) {
      this.#takeRequest(address);
      throw error;
    }
    if (caller || !isWatching) this.#takeRequest(caller ? `user ${caller.user.id}` : address);
    return caller;
  }

  /** Counts a request that nobody is asked who sent it, for a page or for nothing, for its address. @throws ApiError `rate_limited` */
  countStranger(request: IncomingMessage): void {
    this.#takeRequest(`address ${this.#addressOf(request)}`);
  }

  /**
   * Tries a sign-in; only a failed one counts.
   *
   * @param isVouchedFor Whether the client token of a portal is with it, which nobody guesses: asked only when too many have failed, as programs of a portal's machine, jobs
   *   among them, have its address and could lock it out.
   * @throws ApiError `rate_limited`, and what the attempt throws.
   */
  async signIn<R>(
    request: IncomingMessage,
    attempt: () => Promise<R>,
    isVouchedFor: () => Promise<boolean>,
  ): Promise<R> {
    const address = this.#addressOf(request);
    const waitMs = this.#failedSignIns.take(address);
    if (waitMs > 0) {
      if (await isVouchedFor()) return attempt();
      const message = 'Too many sign-ins from this address have failed.';
      this.#requireNoWait(waitMs, 'failed_sign_ins_per_minute', message);
    }
    let failed = false;
    try {
      return await attempt();
    } catch (error) {
      failed = error instanceof ApiError && error.code === 'sign_in_failed';
      throw error;
    } finally {
      if (!failed) this.#failedSignIns.giveBack(address);
    }
  }

  /**
   * Has a token looked up that came to a session, where no requests are counted: only a wrong one counts, and nothing is looked up for an address
   * that sent too many. Counted afterwards, as a program with a good token may ask hundreds of times at once.
   *
   * @throws ApiError `rate_limited`, and what the look-up throws.
   */
  async lookUpToken<R>(request: IncomingMessage, lookUp: () => Promise<R>): Promise<R> {
    const address = this.#addressOf(request);
    const message = 'Too many wrong tokens came from this address.';
    this.#requireNoWait(this.#wrongTokens.waitMs(address), 'failed_sign_ins_per_minute', message);
    try {
      return await lookUp();
    } catch (error) {
      if (error instanceof ApiError && error.code === 'invalid_token') this.#wrongTokens.owe(address);
      throw error;
    }
  }

  /** Counts something as open until `until` has closed. @throws ApiError `rate_limited` */
  hold(holding: Holding, { user }: Caller, until: Closing): void {
    if (until.closed) return;
    const key = `${holding} ${user.id}`;
    const count = this.#held.get(key) ?? 0;
    if (count >= this.#limits[holding]) throw tooMany(this.#limits, holding, holdings[holding], openRetrySeconds);
    this.#held.set(key, count + 1);
    until.once('close', () => {
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
    });
  }

  /** Begins the count of a JSON body, which comes from a user or, without one, from an address. */
  holdBody(request: IncomingMessage, caller: Caller | undefined): HeldBody {
    if (caller) return this.#bodies.hold(`user ${caller.user.id}`);
    return this.#bodiesOfStrangers.hold(`address ${this.#addressOf(request)}`);
  }

  #takeRequest(key: string): void {
    this.#requireNoWait(this.#requests.take(key), 'requests_per_minute', 'Too many requests.');
  }

  #requireNoWait(waitMs: number, name: LimitName, message: string): void {
    if (waitMs > 0) throw tooMany(this.#limits, name, message, secondsOf(waitMs));
  }
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
