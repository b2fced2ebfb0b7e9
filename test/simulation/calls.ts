import { AdapterError } from '@user-workspaces/contract';
import type { Actor, World } from './world.js';

/** How calls of one adapter go wrong. */
export interface Line {
  readonly world: World;
  /** Part of the calls that something is done to, for each kind of fault. */
  readonly rate: number;
  /** True where the back end is another machine: what was sent arrives even if its sender has died. */
  readonly isRemote: boolean;
}

const patienceMs = 30_000;

/**
 * One call of an adapter: its request and its answer are each a step of their own, and may be lost, late or repeated.
 *
 * @throws AdapterError `unavailable` when no answer arrived; what the effect throws.
 */
export function call<R>(line: Line, caller: Actor, label: string, effect: () => R, signal?: AbortSignal): Promise<R> {
  const { world, rate, isRemote } = line;
  const { faults, random } = world;
  signal?.throwIfAborted();
  const way = isRemote ? world.outside : caller;
  const slowMs = faults.strikes('slow', rate) ? random.below(90_000) : 0;
  const requestMs = random.below(3) + (random.next() < 0.5 ? slowMs : 0);
  const answerMs = random.below(3) + Math.max(0, slowMs - requestMs);
  const isLost = faults.strikes('lost-request', rate);
  const isUnanswered = !isLost && faults.strikes('lost-answer', rate);
  const isLate = !isLost && !isUnanswered && isRemote && faults.strikes('late-effect', rate);
  const isRepeated = isRemote && faults.strikes('repeated', rate);
  return new Promise((resolve, reject) => {
    const stopListening = (): void => signal?.removeEventListener('abort', onAbort);
    const answer = (delayMs: number, deliver: () => void): void => {
      world.after(delayMs, caller, `hears of ${label}`, () => {
        stopListening();
        deliver();
      });
    };
    const onAbort = (): void => {
      stopListening();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const silence = (): void =>
      reject(new AdapterError('unavailable', `No answer to ${label} arrived; look, then try again.`));
    const take = (): void => {
      let value: R;
      if (isOnTheWay) world.lateEffects -= 1;
      try {
        value = effect();
      } catch (error) {
        if (!isLate) answer(answerMs, () => (isUnanswered ? silence() : reject(error)));
        return;
      }
      if (!isLate) answer(answerMs, () => (isUnanswered ? silence() : resolve(value)));
    };
    if (isLost) return answer(1 + random.below(patienceMs), silence);
    if (isLate) answer(1 + random.below(patienceMs), silence);
    const delayMs = isLate ? random.below(3 * patienceMs) : requestMs;
    const isOnTheWay = isRemote && delayMs > 1_000;
    if (isOnTheWay) world.lateEffects += 1;
    world.after(delayMs, way, label, take);
    if (isRepeated) {
      world.lateEffects += 1;
      world.after(random.below(patienceMs), way, `${label} again`, () => {
        world.lateEffects -= 1;
        try {
          effect();
        } catch {
          // Nobody hears the answer to a repetition.
        }
      });
    }
  });
}
