import type { Context, Middleware, Next } from 'koa';
import type { Admission } from '../limits/admission.js';

/** How long a body may go on that nobody reads any more; a caller who still sends it may be slow to see the answer. */
const forgottenMs = 30_000;

/** Refuses requests by their heads, and ends those whose senders go on for long after the answer. */
export function boundRequest(admission: Admission): Middleware {
  return async ({ req, res }: Context, next: Next) => {
    res.once('finish', () => {
      if (req.complete) return;
      const timer = setTimeout(() => req.socket.destroy(), forgottenMs).unref();
      req.once('close', () => clearTimeout(timer));
    });
    admission.checkHead(req);
    await next();
  };
}
