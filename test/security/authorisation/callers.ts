import type { Database } from '@user-workspaces/contract';
import type { RunningServer } from '../../support/server.js';
import { signIn, type User } from '../../support/users.js';

/** Those who have no good token. */
export const withoutToken = [
  'nobody',
  'malformed',
  'wrong',
  'expired',
  'revoked',
  'deactivated',
  'clientToken',
] as const;

/** Those who are signed in. A sender asks for the copy that its receiver accepted; a receiver, for the original. */
export const signedIn = ['stranger', 'administrator', 'pendingReceiver', 'receiver', 'sender', 'owner'] as const;

export const callerKinds = [...withoutToken, ...signedIn];

export type CallerKind = (typeof callerKinds)[number];

/** The users of a world and the header that each kind of caller sends. */
export interface Callers {
  readonly users: Readonly<Record<'stranger' | 'administrator' | 'pendingReceiver' | 'receiver' | 'owner', User>>;
  /** `UWS-Authorization` of each kind, `undefined` for nobody. */
  readonly headers: Readonly<Record<CallerKind, string | undefined>>;
}

export async function makeCallers(server: RunningServer, database: Database): Promise<Callers> {
  const [stranger, administrator, pendingReceiver, receiver, owner] = await Promise.all(
    ['stranger', 'administrator', 'pending', 'receiver', 'owner'].map((name) => signIn(server, name)),
  );
  const [expired, revoked, deactivated] = await Promise.all(
    ['owner', 'owner', 'deactivated'].map((name) => signIn(server, name)),
  );
  if (!stranger || !administrator || !pendingReceiver || !receiver || !owner) throw new Error('A user is missing.');
  if (!expired || !revoked || !deactivated) throw new Error('A user is missing.');
  await revoked.client.tokens.revoke('current');
  // What only time or an administrator does.
  const newest = (await owner.client.tokens.list()).filter((token) => !token.is_current).at(-1);
  await database.transaction(async (rows) => {
    await rows.update('tokens', { id: newest?.id ?? 0 }, { expires_at_ms: Date.now() - 1 });
    await rows.update('users', { username: 'deactivated' }, { is_active: false });
    await rows.update('users', { username: 'administrator' }, { role: 'administrator' });
  });
  const header = (user: User): string => `Token ${user.token}`;
  return {
    users: { stranger, administrator, pendingReceiver, receiver, owner },
    headers: {
      nobody: undefined,
      malformed: `Basic ${Buffer.from(`owner:${owner.token}`).toString('base64')}`,
      wrong: `Token uws_${'A'.repeat(43)}`,
      expired: header(expired),
      revoked: header(revoked),
      deactivated: header(deactivated),
      clientToken: `Token ${server.clientToken}`,
      stranger: header(stranger),
      administrator: header(administrator),
      pendingReceiver: header(pendingReceiver),
      receiver: header(receiver),
      sender: header(owner),
      owner: header(owner),
    },
  };
}
