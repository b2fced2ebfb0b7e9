export type { Clock } from './clock.js';
export { type ApiErrorOptions, ApiError, type ErrorCode } from './http/api-error.js';
export type { JobTypeEntry, Mailer, ParameterEntry, ResourceEntry, ServerOptions, StepHook } from './options.js';
export { createServer, type UserWorkspacesServer } from './server.js';
