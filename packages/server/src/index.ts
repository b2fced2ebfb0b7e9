export type { Clock } from './clock.js';
export { ApiError, type ApiErrorOptions, type ErrorCode } from './http/api-error.js';
export { isAddressRange } from './http/client-address.js';
export { createHttpServer } from './limits/http-server.js';
export { defaultLimits, explainLimit, type LimitName, type Limits, rangeOfLimit } from './limits/limits.js';
export type {
  IdlePolicy,
  JobTypeEntry,
  Mailer,
  ParameterEntry,
  QuotaDefaults,
  ResourceEntry,
  ServerOptions,
  StepHook,
} from './options.js';
export type { Actor } from './records/audit.js';
export { createServer, type UserWorkspacesServer } from './server.js';
/** What administrators may do, as functions on the database: the rules behind `/admin/`, for programs on the server's host. */
export * as administration from './services/administration/index.js';
