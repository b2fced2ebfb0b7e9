export { createLocalAuthentication, type LocalAuthenticationOptions } from './authentication.js';
export { createOwnAccount } from './own-account.js';
export type { OwnedPlace } from './owned-ids.js';
export { createReservedAccounts, type ReservedAccountsOptions } from './reserved-accounts.js';
export { createSystemAccounts, type SystemAccountsOptions } from './system-accounts.js';
