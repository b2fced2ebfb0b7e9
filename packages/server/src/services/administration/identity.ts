import type { Identity, IdentityProblem } from '@user-workspaces/contract';
import { ApiError } from '../../http/api-error.js';
import type { AdministrationContext } from './context.js';

/** What columns of names can keep. */
const longest = 255;

/**
 * Makes sure that somebody can sign in with this name or address: by the rules of the sign-in itself.
 *
 * @throws ApiError `invalid_field` that says what is allowed.
 */
export function expectIdentity({ authentication }: AdministrationContext, identity: Partial<Identity>): void {
  const problem = authentication.checkIdentity?.(identity) ?? unfit(identity);
  if (problem) throw new ApiError('invalid_field', problem.message, { field: problem.field });
}

function unfit({ username, email, firstName, lastName }: Partial<Identity>): IdentityProblem | undefined {
  const fields = { username, email, first_name: firstName, last_name: lastName } as const;
  for (const field of ['username', 'email', 'first_name', 'last_name'] as const) {
    const value = fields[field];
    if (value === undefined || (value === '' && field.endsWith('_name'))) continue;
    if (value.trim() === value && value !== '' && value.length <= longest && !/[\p{Cc}\p{Cs}]/u.test(value)) continue;
    const message = `${field} must have 1 to ${longest} characters, no control characters, and no blank at an end.`;
    return { field, message };
  }
  return undefined;
}
