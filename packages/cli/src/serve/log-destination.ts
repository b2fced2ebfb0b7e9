import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const newline = 0x0a;

/** What waits in memory for a reader, or for room on a disk, at most. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** How often it is tried again while something waits. */
const retryMs = 50;

/** So long a log may be without room, or a reader, before it is told elsewhere. */
const silentMs = 1_000;

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
 * all of it is out, so that there is one gap, where its number is told. Never throws.
 */
export class LogDestination {
  #descriptor: number;
  readonly #onGap: (lines: number) => void;
  readonly #tell: (sentence: string) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #lostInAll = 0;
  #failingSinceMs: number | undefined;
  #isTold = false;
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param onGap Told, once lines can be written again, how many were lost.
   * @param tell Brings a sentence about the log to where somebody may see it while the log itself cannot be written.
   */
  constructor(descriptor: number, onGap: (lines: number) => void, tell: (sentence: string) => void) {
    this.#descriptor = descriptor;
    this.#onGap = onGap;
    this.#tell = tell;
  }

  /** Lines that were lost since the start. */
  get lostLines(): number {
    return this.#lostInAll;
  }

  /** From now on lines go there; what waits, too. The former descriptor is closed. */
  moveTo(descriptor: number): void {
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bringOut();
  }

  write(line: string): void {
    if (this.#lost > 0 || this.#waitingBytes > maxWaitingBytes) {
      this.#lost += 1;
      this.#lostInAll += 1;
      return;
    }
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#retry === undefined) this.#bringOut();
  }

  /** Waits a little for what is still in memory to get out, and tells how much could not; then the process may end. */
  async flush(): Promise<void> {
    const until = performance.now() + patienceMs;
    for (this.#bringOut(); this.#waitingBytes > 0 && performance.now() < until; this.#bringOut()) await delay(retryMs);
    const waiting = Buffer.concat(this.#waiting).filter((byte) => byte === newline).length;
    if (waiting + this.#lost > 0) this.#tell(`${waiting + this.#lost} last lines of the log could not be written.`);
  }

  #bringOut(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const bytes = Buffer.concat(this.#waiting);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
      this.#failingSinceMs = undefined;
    } catch (error) {
      // Nobody reads, or the disk is full.
      this.#tellOfFailure(error);
      this.#retry = setTimeout(() => this.#bringOut(), retryMs).unref();
    }
    this.#waiting = written < bytes.length ? [bytes.subarray(written)] : [];
    this.#waitingBytes = bytes.length - written;
    if (this.#waitingBytes > 0) return;
    if (this.#isTold) this.#tell(`The log is written again; ${this.#lost} of its lines were lost.`);
    this.#isTold = false;
    if (this.#lost === 0) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#onGap(lost);
  }

  /** Once for each time; a burst that a reader needs a moment for is none. */
  #tellOfFailure(error: unknown): void {
    this.#failingSinceMs ??= performance.now();
    if (this.#isTold || performance.now() - this.#failingSinceMs < silentMs) return;
    this.#isTold = true;
    const isUnread = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
    const reason = isUnread ? 'nobody reads it' : error instanceof Error ? error.message : String(error);
    this.#tell(
      `The log cannot be written: ${reason}. Requests are served; its lines wait in memory, and beyond ${maxWaitingBytes / 2 ** 20} MiB they are lost.`,
    );
  }
}
