import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** In which a reverse proxy shows that it is one. Sessions never see it: no header of this family is passed on to them. */
const secretHeader = 'x-forwarded-secret';

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Takes from a request what it says of whom it comes from, unless it has the secret. Programs of this machine, jobs among them, have the address of a reverse
 * proxy on it, so that an address alone proves nothing there.
 *
 * @param secret Without one all is left as it is, and addresses alone decide.
 */
export function forwardedOnlyWith(secret: string | undefined): (request: IncomingMessage) => void {
  const wanted = secret === undefined ? undefined : digestOf(secret);
  return ({ headers }) => {
    const told = headers[secretHeader];
    delete headers[secretHeader];
    if (!wanted || (typeof told === 'string' && timingSafeEqual(digestOf(told), wanted))) return;
    for (const name of Object.keys(headers)) if (name.startsWith('x-forwarded-')) delete headers[name];
  };
}
