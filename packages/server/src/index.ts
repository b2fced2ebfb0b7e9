export type { Clock } from './clock.js';
export { ApiError, type ApiErrorOptions, type ErrorCode } from './http/api-error.js';
export { createHttpServer } from './limits/http-server.js';
export type { Limits } from './limits/limits.js';
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
export { madeOnce } from './services/made-once.js';
