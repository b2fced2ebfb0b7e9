/** Time and chance, injected so that a simulation can run the server's logic at its own pace. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** How far the machine's own clock is ahead of `now`, where that is not the same. */
  aheadMs?(): number;
  /** Milliseconds since some moment, which only tell how much time has passed: unlike `now`, they are never set forward or back. */
  elapsed(): number;
  /** Resolves after `delayMs`, or at once when the signal aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Random bytes. */
  random(byteCount: number): Uint8Array;
}
