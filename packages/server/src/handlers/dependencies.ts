import type { Health } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Clock } from '../clock.js';

/** How long an answer about what the server depends on may be old: everybody may ask, and each is asked in turn. */
const ageMs = 5_000;

/** How long a dependency may take to answer. */
export const askTimeoutMs = 5_000;

/** Portals show the old service's words for a healthy dependency; what an adapter adds stands beside them. */
export async function healthOf(check: (signal: AbortSignal) => Promise<Health>): Promise<Schema<'Dependency'>> {
  try {
    const { connected, message } = await check(AbortSignal.timeout(askTimeoutMs));
    return connected ? { connected, message: 'Connected successfully.', details: message } : { connected, message };
  } catch (error) {
    return {
      connected: false,
      message: error instanceof Error && error.name === 'TimeoutError' ? 'No answer in time.' : 'The check failed.',
    };
  }
}

/** Asks at most once in {@link ageMs}, however many want to know. What fails is asked anew by the next. */
export function askedSeldom<Answer>(clock: Clock, ask: () => Promise<Answer>): () => Promise<Answer> {
  let latest: { readonly askedAtMs: number; readonly answer: Promise<Answer> } | undefined;
  return () => {
    if (!latest || latest.askedAtMs < clock.elapsed() - ageMs) {
      const asked = { askedAtMs: clock.elapsed(), answer: ask() };
      asked.answer.catch(() => {
        if (latest === asked) latest = undefined;
      });
      latest = asked;
    }
    return latest.answer;
  };
}

/** What an operator must know of a machine's clock; nothing where it is right. */
export function tellClock(clock: Pick<Clock, 'aheadMs'>): string {
  const seconds = Math.round((clock.aheadMs?.() ?? 0) / 1000);
  if (seconds === 0) return '';
  const side = seconds > 0 ? 'ahead of' : 'behind';
  return `The clock of this server's machine is ${Math.abs(seconds)} s ${side} the database's, by which all times are compared.`;
}
