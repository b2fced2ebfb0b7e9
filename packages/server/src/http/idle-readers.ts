import type { Context, Middleware, Next } from 'koa';

/**
 * Ends answers whose readers take nothing for so long: what waits for them takes memory. One that takes a little begins the time anew, and so does one
 * for whom nothing waits.
 */
export function endIdleReaders(idleSeconds: number): Middleware {
  return async ({ res }: Context, next: Next) => {
    // The connection's own time, which what is written begins anew, and what has been taken of it.
    res.setTimeout(idleSeconds * 1000, () => {
      if (res.writableLength > 0) res.destroy();
    });
    await next();
  };
}
