import { type Account, AdapterError, type Identity, type NewRow, type UserRow } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import { identityOfUser } from '../options.js';
import type { ServerContext } from '../server-context.js';
import { readDirectory } from './administration/directory.js';
import { admitOnlyFirstUser, lockOnlyUser } from './only-user.js';
import { signInFailed } from './tokens.js';

export function searchTextOf(identity: Identity): string {
  return `${identity.firstName} ${identity.lastName}\n${identity.email}`.toLowerCase();
}

/** So often a first sign-in is tried beside others of the same moment: after one, what they made is there to be read. */
const attempts = 3;

/**
 * The user of an identity; a new identity becomes a user.
 *
 * @throws ApiError `sign_in_failed` when the user name is known under another e-mail or the user was deactivated,
 *   `permission_denied` when only one user may sign in.
 */
export async function userOfIdentity(context: ServerContext, identity: Identity): Promise<UserRow> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await findOrMake(context, identity);
    } catch (error) {
      if (!AdapterError.is(error, 'conflict') || attempt === attempts) throw error;
    }
  }
}

/** @throws AdapterError `conflict` when somebody signs in for the first time at the same moment, and besides as {@link userOfIdentity}. */
function findOrMake(context: ServerContext, identity: Identity): Promise<UserRow> {
  const { username, email, firstName, lastName } = identity;
  return context.database.transaction(async (rows) => {
    const present = await rows.findOne('users', { username });
    if (present) {
      if (present.email.toLowerCase() !== email.toLowerCase() || !present.is_active) {
        throw signInFailed();
      }
      await admitOnlyFirstUser(context, rows, present);
      const names = { first_name: firstName || present.first_name, last_name: lastName || present.last_name };
      if (names.first_name === present.first_name && names.last_name === present.last_name) return present;
      const search_text = searchTextOf({ ...identity, firstName: names.first_name, lastName: names.last_name });
      await rows.update('users', { id: present.id }, { ...names, search_text });
      return { ...present, ...names, search_text };
    }
    await lockOnlyUser(context, rows);
    const made = await rows.insert('users', newUserRow(identity, context.clock.now()));
    await admitOnlyFirstUser(context, rows, made);
    return made;
  });
}

/** The row of a new user: an ordinary one, with the server's quotas. */
export function newUserRow({ username, email, firstName, lastName }: Identity, nowMs: number): NewRow<'users'> {
  return {
    username,
    email,
    first_name: firstName,
    last_name: lastName,
    search_text: searchTextOf({ username, email, firstName, lastName }),
    is_active: true,
    deactivated_at_ms: null,
    // Another one than that of whoever had this user's id before a backup was restored: cookies of then open nothing of now.
    session_epoch: nowMs,
    role: 'user',
    event_seq: 0,
    max_disk_space_bytes: null,
    max_core_hours: null,
    max_active_jobs: null,
    max_workspaces: null,
    used_disk_space_bytes: 0,
    used_core_hours: 0,
    created_at_ms: nowMs,
  };
}

/** The account that owns a user's files. @throws ApiError when there is none. */
export async function accountOfUser(context: ServerContext, user: UserRow, signal?: AbortSignal): Promise<Account> {
  try {
    return await context.accounts.resolve(identityOfUser(user), signal);
  } catch (error) {
    if (!AdapterError.is(error) || error.kind === 'unavailable') throw error;
    throw new ApiError('permission_denied', 'User could not be found/created on main storage system.', {
      details: { reason: error.message },
      cause: error,
    });
  }
}

/** In a closed directory, so much of the beginning of a name is needed to find it. */
const shortestBeginning = 3;

/** Users looked at in one go for beginnings, which the database cannot tell from other parts. */
const batchSize = 500;

interface Page {
  readonly limit?: number;
  readonly after?: number;
}

/**
 * Users that a search finds, without the caller and the user `admin`. In an open directory by any part of their name or e-mail, and all of them without a text. In a closed
 * one by the whole user name or the beginning of a name or e-mail: nobody gets a list of everybody by a text that all have in common.
 */
export async function searchUsers(
  context: ServerContext,
  caller: UserRow,
  search: string,
  page: Page,
): Promise<UserRow[]> {
  const { is_open } = await readDirectory(context);
  const found = is_open ? await findByPart(context, search, page) : await findByBeginning(context, search.trim(), page);
  return found.filter((row) => row.id !== caller.id).slice(0, page.limit);
}

const shown = { is_active: true, username: { not: 'admin' } } as const;

/** One more than asked for: the caller may be among them. */
async function findByPart({ database }: ServerContext, search: string, { limit, after }: Page): Promise<UserRow[]> {
  return database.find('users', {
    where: {
      ...shown,
      ...(search !== '' && { search_text: { contains: search.toLowerCase() } }),
      ...(after !== undefined && { id: { gt: after } }),
    },
    ...(limit !== undefined && { limit: limit + 1 }),
  });
}

/** As {@link findByPart}. */
async function findByBeginning(
  { database }: ServerContext,
  search: string,
  { limit, after = 0 }: Page,
): Promise<UserRow[]> {
  const named = search === 'admin' ? undefined : await database.findOne('users', { is_active: true, username: search });
  const found = named && named.id > after ? [named] : [];
  const beginning = search.toLowerCase();
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : limit + found.length + 1;
  let isLast = [...beginning].length < shortestBeginning;
  for (let seen = after; !isLast && found.length < wanted; ) {
    const where = { ...shown, search_text: { contains: beginning }, id: { gt: seen } };
    const batch = await database.find('users', { where, limit: batchSize });
    found.push(...batch.filter((row) => row.id !== named?.id && beginsWith(row, beginning)));
    seen = batch.at(-1)?.id ?? seen;
    isLast = batch.length < batchSize;
  }
  return found.sort((one, other) => one.id - other.id);
}

/** Whether the e-mail, the whole name, or a part of it begins so. */
function beginsWith({ first_name, last_name, email }: UserRow, beginning: string): boolean {
  const name = `${first_name} ${last_name}`.toLowerCase();
  return email.toLowerCase().startsWith(beginning) || ` ${name}`.includes(` ${beginning}`);
}
