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
export { createServer, type UserWorkspacesServer } from './server.js';
