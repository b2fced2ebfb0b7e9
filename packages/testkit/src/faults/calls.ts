import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError } from '@user-workspaces/contract';
import { seededRandom } from './random.js';

/** What goes wrong with one call of an adapter. */
export type Fault =
  /** A time-out before the effect: the call never reaches the adapter, and the caller is told `unavailable`. */
  | { readonly kind: 'lost-request' }
  /** A time-out after the effect: the adapter does its work, but the caller is told `unavailable`. */
  | { readonly kind: 'lost-answer' }
  /** The request, the answer, or both take their time. */
  | { readonly kind: 'slow'; readonly requestMs: number; readonly answerMs: number }
  /** The call arrives twice: both at the same time, or the second when the first has ended. The caller gets the first's answer. */
  | { readonly kind: 'twice'; readonly how: 'at-once' | 'in-sequence' };

/** The names of an adapter's methods that answer with a promise: the calls that can go wrong. */
export type FaultyMethod<T> = {
  [M in keyof T]-?: T[M] extends (...parameters: never[]) => Promise<unknown> ? M : never;
}[keyof T] &
  string;

/** A call that is about to be made. */
export interface Call<T> {
  readonly method: FaultyMethod<T>;
  /** 1 for the first call of this method. */
  readonly number: number;
}

/** Decides what goes wrong with a call; `undefined`: nothing. */
export type FaultPlan<T> = (call: Call<T>) => Fault | undefined;

/** A call to which something was done, and how it ended at the adapter itself: nothing for a request that was lost, two ends where it came twice. */
export interface FaultyCall<T> extends Call<T> {
  readonly fault: Fault;
  readonly ends: readonly PromiseSettledResult<unknown>[];
}

/** An adapter behind a bad line. */
export interface FaultyAdapter<T> {
  readonly adapter: T;
  /** The calls to which something was done, in the order of their ends. */
  readonly calls: readonly FaultyCall<T>[];
}

/** One fault in one call of a method, by default its first; all else goes well. */
export function faultAt<T>(method: FaultyMethod<T>, fault: Fault, number = 1): FaultPlan<T> {
  return (call) => (call.method === method && call.number === number ? fault : undefined);
}

/**
 * Faults by chance, the same ones for the same seed and order of calls.
 *
 * @param rate The part of the calls of `methods` that something is done to, from 0 to 1.
 */
export function seededFaults<T>(
  seed: number,
  rate: number,
  methods: readonly FaultyMethod<T>[],
  faults: readonly [Fault, ...Fault[]],
): FaultPlan<T> {
  const random = seededRandom(seed);
  return ({ method }) => {
    if (!methods.includes(method) || random.next() >= rate) return undefined;
    return faults[random.below(faults.length)];
  };
}

/**
 * Puts an adapter of any contract behind a line on which calls go wrong as the plan says. What the adapter calls of itself
 * goes well.
 *
 * @example
 * const { adapter: faulty } = injectFaults(storage, faultAt<Storage>('create', { kind: 'lost-answer' }));
 * await assert.rejects(faulty.create(workspace), { kind: 'unavailable' });
 * await faulty.create(workspace); // again, and this time the answer arrives
 */
export function injectFaults<T extends object>(adapter: T, plan: FaultPlan<T>): FaultyAdapter<T> {
  const calls: FaultyCall<T>[] = [];
  const numbers = new Map<string, number>();
  const faulty = new Proxy(adapter, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      // Called on the adapter itself: private fields are not found on a proxy.
      const callAdapter = (parameters: unknown[]): unknown => Reflect.apply(value, target, parameters);
      if (typeof property === 'symbol') return (...parameters: unknown[]) => callAdapter(parameters);
      return (...parameters: unknown[]): unknown => {
        const number = (numbers.get(property) ?? 0) + 1;
        numbers.set(property, number);
        // A plan can only name methods that answer with a promise; for all others it is asked in vain.
        const call: Call<T> = { method: property as FaultyMethod<T>, number };
        const fault = plan(call);
        if (!fault) return callAdapter(parameters);
        return withFault(call, fault, async () => callAdapter(parameters), calls);
      };
    },
  });
  return { adapter: faulty, calls };
}

async function withFault<T>(
  call: Call<T>,
  fault: Fault,
  callAdapter: () => Promise<unknown>,
  calls: FaultyCall<T>[],
): Promise<unknown> {
  const ended = (...ends: PromiseSettledResult<unknown>[]): void => void calls.push({ ...call, fault, ends });
  switch (fault.kind) {
    case 'lost-request':
      ended();
      throw unanswered(call.method);
    case 'lost-answer': {
      ended(await settled(callAdapter()));
      throw unanswered(call.method);
    }
    case 'slow': {
      await sleep(fault.requestMs);
      const end = await settled(callAdapter());
      await sleep(fault.answerMs);
      ended(end);
      return answerOf(end);
    }
    case 'twice': {
      const first = settled(callAdapter());
      if (fault.how === 'in-sequence') await first;
      const second = settled(callAdapter());
      ended(await first, await second);
      return answerOf(await first);
    }
  }
}

async function settled(promise: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  const [end] = await Promise.allSettled([promise]);
  return end;
}

function answerOf(end: PromiseSettledResult<unknown>): unknown {
  if (end.status === 'rejected') throw end.reason;
  return end.value;
}

function unanswered(method: string): AdapterError {
  return new AdapterError(
    'unavailable',
    `No answer to ${method} arrived (a fault of the test kit); look, then try again.`,
  );
}
