import type { Identity, IdentityProblem } from '@user-workspaces/contract';
import { isUserName, USER_NAME_RULE } from './names.js';

const LONGEST_EMAIL = 254;
const LONGEST_NAME = 150;
const EMAIL = /^[^\s@]+@[^\s@]+$/;
const EMAIL_RULE = `it has up to ${LONGEST_EMAIL} characters, one "@" between others, and no blanks`;
const CONTROL_OR_BROKEN = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** The first thing in an identity that is not allowed; what is left out is not looked at. */
export function identityProblem(identity: Partial<Identity>): IdentityProblem | undefined {
  const { username, email } = identity;
  if (username !== undefined && !isUserName(username)) {
    return { field: 'username', message: `The user name is not allowed: ${USER_NAME_RULE}.` };
  }
  if (email !== undefined && (email.length > LONGEST_EMAIL || !EMAIL.test(email) || CONTROL_OR_BROKEN.test(email))) {
    return { field: 'email', message: `This is no e-mail address: ${EMAIL_RULE}.` };
  }
  for (const [field, value = ''] of [
    ['first_name', identity.firstName],
    ['last_name', identity.lastName],
  ] as const) {
    if (value.length > LONGEST_NAME) {
      return { field, message: `${field} has more than ${LONGEST_NAME} characters.` };
    }
    if (CONTROL_OR_BROKEN.test(value)) return { field, message: `${field} contains a control character.` };
  }
  return undefined;
}
