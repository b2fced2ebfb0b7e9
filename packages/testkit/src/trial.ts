import { AsyncLocalStorage } from 'node:async_hooks';
import { CallsMade } from './calls-made.js';
import { messageOf } from './error-message.js';
import type { Trial, World } from './guarantee.js';

/** Time that closing a world may take: an adapter that hangs must not hang those who try it. */
const closingMs = 60_000;

/** A trial that is under way. */
interface Scope {
  /** What must be ended with it, however it ends. */
  readonly endings: (() => Promise<unknown>)[];
  /** Aborted with the reason why it must not go on. */
  readonly broken: AbortController;
}

const scopes = new AsyncLocalStorage<Scope>();
const underWay = new Set<Scope>();

/** Has something done when the trial that is under way is over, also where it is broken. */
export function atEndOfTrial(end: () => Promise<unknown>): void {
  scopes.getStore()?.endings.push(end);
}

/** An error that nobody caught breaks the trial that it came from; where that is not known, all that are under way. False if there is none. */
export function breakTrial(error: unknown): boolean {
  const own = scopes.getStore();
  const scopesToBreak = own && underWay.has(own) ? [own] : [...underWay];
  for (const { broken } of scopesToBreak) broken.abort(uncaught(error, scopesToBreak.length > 1));
  return scopesToBreak.length > 0;
}

function uncaught(error: unknown, isOneOfSeveral: boolean): Error {
  const where = isOneOfSeveral ? 'in this or another guarantee that was tried at the same time' : 'while it was tried';
  return new Error(`The adapter left an error uncaught, ${where}: ${messageOf(error)}`, {
    cause: error,
  });
}

/**
 * Tries one guarantee in a world of its own, and ends what it began.
 *
 * @param signal Ends the trial early, and closes its world.
 * @throws what the check throws, its message followed by the adapter's last calls; or why the world could not be opened or closed.
 */
export async function runTrial<W extends World>(
  open: () => Promise<W>,
  { id, timeoutMs, check }: Trial<W>,
  signal?: AbortSignal,
): Promise<void> {
  const scope: Scope = { endings: [], broken: new AbortController() };
  const stops = [scope.broken.signal, ...(signal ? [signal] : [])];
  await scopes.run(scope, async () => {
    const world = await open().catch((error: unknown) => {
      throw explained(error, 'The world could not be opened');
    });
    const calls = new CallsMade();
    let failure: { readonly error: unknown } | undefined;
    underWay.add(scope);
    try {
      await withinTime(`${id}: no result`, timeoutMs, stops, (ended) => check(calls.watch(world), { signal: ended }));
    } catch (error) {
      failure = { error: withCalls(error, calls.lines()) };
    }
    await Promise.allSettled(scope.endings.map((end) => end()));
    try {
      await withinTime(`${id}: the world was not closed`, closingMs, [], () => world.close());
    } catch (error) {
      // What went wrong first says more than what it left behind.
      failure ??= { error: explained(error, 'The check passed, but the world could not be closed') };
    } finally {
      underWay.delete(scope);
    }
    if (failure) throw failure.error;
  });
}

function explained(error: unknown, what: string): Error {
  return new Error(`${what}: ${messageOf(error)}`, { cause: error });
}

function withCalls(error: unknown, calls: readonly string[]): unknown {
  if (error instanceof Error && calls.length > 0) {
    error.message = `${error.message}\nThe last calls:\n${calls.map((call) => `  ${call}`).join('\n')}`;
  }
  return error;
}

/** The signal that the work gets is aborted when it is over, so that nothing which obeys it outlives it. */
async function withinTime(
  what: string,
  limitMs: number,
  stops: readonly AbortSignal[],
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const late = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  });
  const stop = ({ target }: { readonly target: unknown }): void =>
    controller.abort(target instanceof AbortSignal ? target.reason : undefined);
  for (const signal of stops) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  }
  const timer = setTimeout(() => controller.abort(new Error(`${what} within ${limitMs} ms.`)), limitMs);
  try {
    await Promise.race([late, run(controller.signal)]);
  } finally {
    clearTimeout(timer);
    for (const signal of stops) signal.removeEventListener('abort', stop);
    controller.abort(new Error('The trial is over.'));
  }
}
