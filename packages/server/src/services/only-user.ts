import type { DatabaseReader, DatabaseTransaction, UserRow } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';

const name = 'only-user';

/**
 * Where only one user may sign in, keeps other transactions that make users waiting until this one has ended: none of them would see the others' users.
 *
 * @throws AdapterError `conflict` when another was faster to do so for the first time: ask again.
 */
export async function lockOnlyUser(
  { settings }: Pick<ServerContext, 'settings'>,
  rows: DatabaseTransaction,
): Promise<void> {
  if (!settings.singleUser) return;
  const present = await rows.findOne('settings', { name });
  if (present) await rows.lock('settings', present.id);
  else await rows.insert('settings', { name, value: {} });
}

/**
 * Where all jobs share one operating-system account, whoever has jobs can read everybody's files: only the first user is admitted, also of those who were made by a server
 * that had an account for each.
 *
 * @throws ApiError `permission_denied`
 */
export async function admitOnlyFirstUser(
  { settings }: Pick<ServerContext, 'settings'>,
  rows: DatabaseReader,
  { id }: Pick<UserRow, 'id'>,
): Promise<void> {
  if (!settings.singleUser) return;
  const [first] = await rows.find('users', { orderBy: [['id', 'asc']], limit: 1 });
  if (first?.id === id) return;
  throw new ApiError(
    'permission_denied',
    'This server runs all jobs under one operating-system account, so only its first user may sign in. The operator can set allow_shared_account, or run the server as root.',
  );
}
