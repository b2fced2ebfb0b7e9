import { mixed } from './random.js';

/** What can go wrong. */
export const faultKinds = [
  /** A process ends at once; what it had sent may still arrive. */
  'crash',
  /** A process is stopped (SIGSTOP), perhaps for longer than its leases last, and goes on. */
  'pause',
  /** A process's clock is set forward or back. */
  'clock',
  /** A statement or a transaction's begin fails: the database cannot be reached. */
  'database-away',
  /** The connection breaks while committing, before or after the commit took place. */
  'unknown-commit',
  /** A transaction is rolled back by the database and run again. */
  'rolled-back',
  /** The call never arrives; its caller is told so after a while. */
  'lost-request',
  /** The call takes effect; its caller is told that it is unknown whether it did. */
  'lost-answer',
  /** The caller is told that there was no answer; the call takes effect after that. */
  'late-effect',
  /** The call takes effect twice. */
  'repeated',
  /** Request or answer take up to minutes: what is said is no longer so when it is heard. */
  'slow',
  /** A resource does not see for a moment what it has just launched. */
  'blind',
  /** A resource does not know what has become of a launch. */
  'unknown',
  /** A storage has no space left. */
  'no-space',
  /** A storage takes all of a copy but its end, however often it is tried. */
  'refused',
  /** A push of a resource or a storage is lost. */
  'lost-push',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/**
 * Decides where faults strike: each place where one could is numbered, and number and seed alone decide. So a run can be repeated with
 * some of its faults left out.
 */
export class Faults {
  /** The numbers of the places where faults struck. */
  readonly struck: number[] = [];
  /** False once the faults are over. */
  isOn = true;
  readonly #seed: number;
  readonly #kinds: ReadonlySet<FaultKind>;
  readonly #only: ReadonlySet<number> | undefined;
  readonly #note: (line: string) => void;
  #place = 0;

  constructor(
    seed: number,
    kinds: ReadonlySet<FaultKind>,
    only: ReadonlySet<number> | undefined,
    note: (line: string) => void,
  ) {
    this.#seed = seed;
    this.#kinds = kinds;
    this.#only = only;
    this.#note = note;
  }

  /** Whether a fault of this kind has struck something for good, by its number: that is no place in the run, and lasts beyond the end of the faults. */
  lasts(kind: FaultKind, number: number, rate: number): boolean {
    return this.#kinds.has(kind) && mixed(this.#seed, -number) / 2 ** 32 < rate;
  }

  /** Whether a fault of this kind strikes here, which it does in this part of the cases. */
  strikes(kind: FaultKind, rate: number): boolean {
    if (!this.isOn) return false;
    this.#place += 1;
    if (!this.#kinds.has(kind) || mixed(this.#seed, this.#place) / 2 ** 32 >= rate) return false;
    if (this.#only && !this.#only.has(this.#place)) return false;
    this.struck.push(this.#place);
    this.#note(`fault ${this.#place}: ${kind}`);
    return true;
  }
}
