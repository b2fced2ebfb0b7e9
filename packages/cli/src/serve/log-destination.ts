import { constants, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** What waits in memory for a reader, or for room on a disk, at most. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** How often it is tried again while something waits. */
const retryMs = 50;

/** How long the end of the process waits for a reader. */
const patienceMs = 1_000;

/**
 * Opens what a log is written to so that writing to it never waits: the one thread serves everybody, and a reader may stop reading (a paused terminal, `| less`,
 * a hung shipper of logs).
 *
 * @param file Standard error without one.
 * @throws the system's error when the file cannot be opened.
 */
export function openLog(file: string | undefined): number {
  // A FIFO without a reader is refused, rather than waited for.
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  if (file !== undefined) return openSync(file, flags | constants.O_APPEND | constants.O_CREAT, 0o640);
  // Asked for, Node makes a pipe or socket of it that does not wait. A terminal it leaves as it is.
  if (process.stderr.isTTY !== true) return process.stderr.fd;
  try {
    return openSync('/dev/fd/2', flags);
  } catch {
    // Another account's terminal, after `su`.
    return process.stderr.fd;
  }
}

/**
 * Writes lines in order, at once where that can be. What cannot be written now, whatever the reason, waits in memory; when too much waits, lines are lost until
 * all of it is out, so that there is one gap, where its number is told.
 */
export class LogDestination {
  readonly #descriptor: number;
  readonly #onGap: (lines: number) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @param onGap Told, once lines can be written again, how many were lost. */
  constructor(descriptor: number, onGap: (lines: number) => void) {
    this.#descriptor = descriptor;
    this.#onGap = onGap;
  }

  write(line: string): void {
    if (this.#lost > 0 || this.#waitingBytes > maxWaitingBytes) {
      this.#lost += 1;
      return;
    }
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#retry === undefined) this.#bringOut();
  }

  /** Waits a little for what is still in memory to get out; then the process may end. */
  async flush(): Promise<void> {
    const until = performance.now() + patienceMs;
    for (this.#bringOut(); this.#waitingBytes > 0 && performance.now() < until; this.#bringOut()) await delay(retryMs);
  }

  #bringOut(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const bytes = Buffer.concat(this.#waiting);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
    } catch {
      // Nobody reads, or the disk is full: there is no other place to tell it.
      this.#retry = setTimeout(() => this.#bringOut(), retryMs).unref();
    }
    this.#waiting = written < bytes.length ? [bytes.subarray(written)] : [];
    this.#waitingBytes = bytes.length - written;
    if (this.#waitingBytes > 0 || this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#onGap(lost);
  }
}
