import { schemas } from '@user-workspaces/schema';
import { InvalidArgumentError } from 'commander';
import { configuredPortal } from '../configuration/configured-portal.js';

/** What an argument that names a user is. */
export const userArgument = 'user name, or the id as user:2';

/** As written; Commander takes null for an option without a value. */
export type WrittenQuota = number | 'none' | 'default';

const factors: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

function quotaOf(text: string, amount: (text: string) => number | undefined, what: string): WrittenQuota {
  if (text === 'none' || text === 'default') return text;
  const value = amount(text);
  if (value === undefined) throw new InvalidArgumentError(`It must be ${what}, "none" or "default".`);
  return value;
}

/** `10G`, `none`, `default`. */
export function diskSpace(text: string): WrittenQuota {
  const amount = (given: string): number | undefined => {
    const [, digits, unit = ''] = /^(\d{1,12})([KMGT]?)$/i.exec(given) ?? [];
    const bytes = Number(digits) * (factors[unit.toUpperCase()] ?? Number.NaN);
    return digits !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
  };
  return quotaOf(text, amount, 'a number of bytes such as 500M, 20G or 1T');
}

/** `100`, `12.5`, `none`, `default`. */
export function coreHours(text: string): WrittenQuota {
  return quotaOf(
    text,
    (given) => (/^\d{1,9}(\.\d{1,6})?$/.test(given) ? Number(given) : undefined),
    'a number from 0 to 999999999',
  );
}

/** `4`, `none`, `default`. */
export function wholeNumber(text: string): WrittenQuota {
  return quotaOf(
    text,
    (given) => (/^\d{1,9}$/.test(given) ? Number(given) : undefined),
    'a whole number from 0 to 999999999',
  );
}

/** The name of a new portal, as the API allows it. */
export function portalName(text: string): string {
  if (text === configuredPortal) {
    throw new InvalidArgumentError(
      `The portal of this name is the configuration's: its token is client_token (UWS_CLIENT_TOKEN), or what the first start puts into server/client-token of the data directory. Choose another name.`,
    );
  }
  if (schemas.ClientRequest.shape.name.safeParse(text).success) return text;
  throw new InvalidArgumentError(
    'The name of a portal has up to 64 letters, digits, dots, dashes, underscores and spaces, a letter or digit first.',
  );
}

/** The id of something. */
export function id(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number, as the lists show it.');
}

/** Rows of a list. */
export function rowLimit(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1000) return Number(text);
  throw new InvalidArgumentError('It must be a number from 1 to 1000.');
}
