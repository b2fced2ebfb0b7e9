import { AsyncLocalStorage } from 'node:async_hooks';

/** A wall clock that jumps, as when the machine's clock is set. */
export interface JumpingClock {
  /** Sets the clock forward, or back with a negative number. */
  jump(byMs: number): void;
}

const offsets = new AsyncLocalStorage<{ ms: number }>();
let users = 0;
let realDate: DateConstructor | undefined;

/**
 * Runs work for which `Date` jumps. Only what the work itself calls sees that, so that other tests of the process keep the true time; timers
 * and `performance.now()` run on, as they do on a real machine. An adapter that takes its time from elsewhere (a database, a
 * clock of its own) must be given a way to jump by its world.
 *
 * @example
 * await withJumpingClock(async (clock) => {
 *   const launched = resource.launch(specification);
 *   clock.jump(-3_600_000);
 *   await launched;
 * });
 */
export async function withJumpingClock<R>(work: (clock: JumpingClock) => Promise<R>): Promise<R> {
  users += 1;
  realDate ??= replaceDate();
  const offset = { ms: 0 };
  try {
    return await offsets.run(offset, () =>
      work({
        jump: (byMs) => {
          offset.ms += byMs;
        },
      }),
    );
  } finally {
    users -= 1;
    if (users === 0) {
      globalThis.Date = realDate;
      realDate = undefined;
    }
  }
}

function replaceDate(): DateConstructor {
  const original = globalThis.Date;
  const now = (): number => original.now() + (offsets.getStore()?.ms ?? 0);
  globalThis.Date = new Proxy(original, {
    construct: (target, parameters: unknown[], newTarget) =>
      Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, newTarget),
    apply: () => new original(now()).toString(),
    get: (target, property) => (property === 'now' ? now : Reflect.get(target, property)),
  });
  return original;
}
