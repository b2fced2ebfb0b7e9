import type { Authentication, Identity, SignInContext, SignInResult } from '@user-workspaces/contract';
import { identityProblem } from './identity-rules.js';

export interface LocalAuthenticationOptions {
  /** Under which the server lists this way of signing in. */
  readonly name: string;
}

const LONGEST_CLIENT_TOKEN = 512;

/**
 * Signs users in on the word of a trusted portal: the body is
 * `{ client_token, user_info: { username, email, first_name?, last_name? } }`, and the client token proves the portal.
 *
 * Nothing in `user_info` is looked at before the client token has been found good, so nobody else learns the rules from
 * the answers. User names are kept exactly as the portal writes them; an unsafe one is never mapped to anything.
 *
 * @example
 * const auth = createLocalAuthentication({ name: 'portal' });
 */
export function createLocalAuthentication({ name }: LocalAuthenticationOptions): Authentication {
  return {
    name,
    async signIn(body, context) {
      const token = body.client_token;
      const userInfo = body.user_info;
      if (isAbsent(token)) {
        return incomplete('client_token', 'Missing client_token. Please have admin generate a token for you.');
      }
      if (typeof token !== 'string') return incomplete('client_token', 'client_token must be text.');
      if (isAbsent(userInfo)) {
        return incomplete('user_info', 'Missing user_info. Please provide user_info to get user_token.');
      }
      if (!isObject(userInfo)) return incomplete('user_info', 'user_info must be an object.');
      if (!(await isTrusted(token, context))) return refused('The client token belongs to no portal.');
      return readIdentity(userInfo);
    },
    checkIdentity: identityProblem,
    async check() {
      return { connected: true, message: 'Local authentication needs no other system.' };
    },
  };
}

async function isTrusted(token: string, context: SignInContext): Promise<boolean> {
  context.signal.throwIfAborted();
  const client = token.length <= LONGEST_CLIENT_TOKEN ? await context.findApiClient(token) : undefined;
  // The look-up takes no signal, and the caller may have gone while it lasted.
  context.signal.throwIfAborted();
  return client !== undefined;
}

function readIdentity(userInfo: Readonly<Record<string, unknown>>): SignInResult {
  const { username, email } = userInfo;
  if (isAbsent(username)) return refused('user_info has no username.');
  if (typeof username !== 'string') return incomplete('user_info.username', 'username must be text.');
  if (isAbsent(email)) return refused('user_info has no email.');
  if (typeof email !== 'string') return incomplete('user_info.email', 'email must be text.');
  const problem = identityProblem({ username, email });
  if (problem?.field === 'username') return incomplete('user_info.username', problem.message);
  if (problem) return refused('user_info.email is no e-mail address.');
  const names: Record<'first_name' | 'last_name', string> = { first_name: '', last_name: '' };
  for (const field of ['first_name', 'last_name'] as const) {
    const value = userInfo[field];
    if (isAbsent(value)) continue;
    const path = `user_info.${field}`;
    if (typeof value !== 'string') return incomplete(path, `${field} must be text.`);
    names[field] = value;
  }
  const identity: Identity = { username, email, firstName: names.first_name, lastName: names.last_name };
  const wrong = identityProblem(identity);
  return wrong ? incomplete(`user_info.${wrong.field}`, wrong.message) : { kind: 'identity', identity };
}

function incomplete(field: string, message: string): SignInResult {
  return { kind: 'incomplete', field, message };
}

function refused(message: string): SignInResult {
  return { kind: 'refused', message };
}

function isAbsent(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
