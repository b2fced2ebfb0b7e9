export { type SignIn, UserWorkspaces, type UserWorkspacesOptions } from './client.js';
export {
  AbortedError,
  AuthenticationError,
  type ClientErrorCode,
  ConflictError,
  ConnectionError,
  type ErrorCode,
  type ErrorFacts,
  InvalidRequestError,
  JobEndedError,
  LimitError,
  NotFoundError,
  PermissionError,
  ServerError,
  TimeoutError,
  UserWorkspacesError,
} from './errors.js';
export type { Page, PagePromise } from './pages.js';
export type { Tokens, Users } from './resources/account.js';
export type { Catalogue } from './resources/catalogue.js';
export type { Events, EventsOptions } from './resources/events.js';
export type { Files, ReadOptions, WriteOptions } from './resources/files.js';
export type { Jobs, WaitOptions } from './resources/jobs.js';
export type { Shares } from './resources/shares.js';
export type { Workspaces } from './resources/workspaces.js';
export type { Session } from './session.js';
export type {
  Event,
  File,
  Job,
  JobState,
  JobType,
  Limits,
  Me,
  Parameter,
  Resource,
  Share,
  Status,
  Token,
  Upload,
  User,
  Workspace,
} from './shapes.js';
export type { Download, TransferProgress } from './streams/download.js';
export type { LogOptions } from './streams/job-logs.js';
export type { LiveStream } from './streams/live-stream.js';
export type { UploadOptions, UploadProgress, UploadSource } from './streams/upload.js';
export type { Content } from './transport/body.js';
export type { KeyedOptions } from './transport/idempotency.js';
export type { Logger, RequestOptions, TokenSource } from './transport/transport.js';
