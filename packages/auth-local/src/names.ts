import { AdapterError } from '@user-workspaces/contract';

/** What a user name may look like: it becomes a directory name, so no separator, no leading dot or dash. */
const USER_NAME = /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/;
export const USER_NAME_RULE =
  'it has 1 to 64 of the characters A-Z, a-z, 0-9, ".", "_", "@", "-", and begins with a letter, digit or "_"';

/** What useradd and the tools that read passwd files agree on. */
const SYSTEM_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
export const SYSTEM_NAME_RULE =
  'it has 1 to 32 of the characters a-z, 0-9, "_", "-", and begins with a lower-case letter or "_"';

export function isUserName(name: string): boolean {
  return USER_NAME.test(name);
}

export function isSystemName(name: string): boolean {
  return SYSTEM_NAME.test(name);
}

/** @throws AdapterError `invalid` for a name that is no safe directory name. */
export function requireUserName(name: string): string {
  if (isUserName(name)) return name;
  throw new AdapterError('invalid', `The user name cannot be used for a directory: ${USER_NAME_RULE}.`, {
    field: 'username',
  });
}
