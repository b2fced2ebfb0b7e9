/** Any JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/**
 * A lease on a row, so that one replica at a time works on it. `lease_fence` grows with every lease; every write of a lease holder is
 * conditional on its fence, so a holder that slept past its deadline cannot undo its successor's work.
 */
export interface LeaseColumns {
  lease_owner: string | null;
  lease_until_ms: number;
  lease_fence: number;
  /** When the reconciler should look at the row again; `null` when there is nothing to do. */
  due_at_ms: number | null;
  /** How many attempts in a row have failed, for the back-off. */
  attempts: number;
}

export interface UserRow {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  /** `first last` and e-mail, in lower case, for the search. */
  search_text: string;
  is_active: boolean;
  deactivated_at_ms: number | null;
  /** Raised by every deactivation, and when what a portal signed in is revoked: tickets and cookies of before open no session any more, also after a reactivation. */
  session_epoch: number;
  role: 'user' | 'administrator';
  /** Number of the user's newest event. */
  event_seq: number;
  /** This user's own quotas: `null` for the server's default, -1 for none. */
  max_disk_space_bytes: number | null;
  max_core_hours: number | null;
  max_active_jobs: number | null;
  max_workspaces: number | null;
  /** Bytes in the user's listed workspaces, as last surveyed; kept by the transactions that change those rows. */
  used_disk_space_bytes: number;
  /** Core hours of the user's ended jobs; kept by the transactions that end them. */
  used_core_hours: number;
  created_at_ms: number;
}

export interface ApiClientRow {
  id: number;
  name: string;
  /** SHA-256 of the client token, hexadecimal. */
  token_hash: string;
  /** The configuration gives its token, at every start. */
  is_configured: boolean;
  created_at_ms: number;
}

/** Instead of a portal's id in tokens that were made when none was kept: no portal has it. */
export const unknownClientId = -1;

export interface TokenRow {
  id: number;
  user_id: number;
  name: string;
  /** The portal that vouched for the sign-in, also after its removal; `null` for none, and {@link unknownClientId} where it was not kept. */
  client_id: number | null;
  /** SHA-256 of the token, hexadecimal. */
  token_hash: string;
  created_at_ms: number;
  expires_at_ms: number;
  last_used_at_ms: number | null;
}

export interface WorkspaceRow extends LeaseColumns {
  id: number;
  user_id: number;
  name: string;
  description: string;
  disk_space_bytes: number;
  created_at_ms: number;
  last_modified_at_ms: number | null;
  last_job_launch_at_ms: number | null;
  /** `request_workspace_details` as shown: names, never contents. */
  request_details: JsonObject;
  /** `current_workspace_details` as shown. */
  current_details: JsonObject;
  status: 'initializing' | 'idle' | 'active' | 'deleting' | 'error';
  status_reason: string | null;
  default_job_type: string | null;
  /** Name of the storage, and the place that it gave. */
  storage: string;
  location: string;
  /** The account's name, uid and gid at creation: whose the directory is. */
  account: JsonObject;
  /** File work that was accepted and is not yet done: staged uploads to put in place and links to make. */
  pending_changes: JsonObject | null;
  /** False for a copy whose receiver has not yet accepted it. */
  is_listed: boolean;
  /** Rises with every change of the row. */
  version: number;
}

export interface JobRow extends LeaseColumns {
  id: number;
  user_id: number;
  workspace_id: number;
  job_type: string;
  resource: string;
  launch_key: string;
  /** -1 until launched. */
  resource_job_id: number;
  resource_handle: string | null;
  status: 'pending' | 'running' | 'stopping' | 'complete' | 'failed';
  /** A code of the specification's JobStatusReason, or `null`. */
  status_reason: string | null;
  /** The reason in words. */
  status_message: string | null;
  queue_reason: string | null;
  expected_start_at_ms: number | null;
  exit_code: number | null;
  signal: string | null;
  last_log_lines: readonly string[];
  created_at_ms: number;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  /** When the resource will end it. */
  ends_at_ms: number | null;
  /** The first request to stop. */
  stop_requested_at_ms: number | null;
  /** Why the server itself asked it to stop; `null` where a person did. */
  stop_reason: 'idle' | 'start_timeout' | 'session_lost' | null;
  /** True once `launch` may have been called: from then on the resource is asked for the key before anything else. */
  launch_begun: boolean;
  core_hours: number;
  /** `null` until it has ended, and where its resource does not tell. */
  gpu_hours: number | null;
  request_details: JsonObject;
  /** Options under the API's names, as asked for. */
  resource_options: JsonObject;
  /** Options under the resource's names. */
  native_options: JsonObject;
  /** Seconds: `time_pending`, `time_init`. */
  metrics: JsonObject;
  /** `message`, `proxy_details`: what `current_job_details` shows besides what is derived when read. */
  current_details: JsonObject;
  session_token: string;
  session_secret: string;
  /** Set when the session answered: where the proxy sends its requests. */
  session_host: string | null;
  session_port: number | null;
  session_path: string | null;
  session_base_path: 'keep' | 'strip' | null;
  session_query: JsonObject;
  last_activity_at_ms: number | null;
  /** When it will be stopped unless its session is used before: set by the warning. */
  idle_stop_at_ms: number | null;
  /** The launch's records are still kept by its resource. */
  is_remembered: boolean;
  version: number;
}

export interface ShareRow extends LeaseColumns {
  id: number;
  original_workspace_id: number | null;
  shared_workspace_id: number;
  sender_user_id: number;
  receiver_user_id: number;
  last_resource_options: JsonObject;
  last_job_type: string | null;
  is_accepted: boolean;
  /**
   * Name, description and details of the copy when it was accepted: all that either side is shown of the other's workspace from then on. `null` before, when the copy
   * itself is the offer, and for what was accepted when this was not kept.
   */
  accepted_offer: JsonObject | null;
  created_at_ms: number;
  /** Wish: `copy` until the files are there, `none` afterwards, `delete` when cancelled. */
  work: 'copy' | 'none' | 'delete';
  /** An e-mail to the receiver is still to be sent. */
  mail_due: boolean;
}

export interface EventRow {
  id: number;
  user_id: number;
  seq: number;
  type: string;
  /** Id of the workspace, job or share (its shared copy) that changed. */
  subject_id: number;
  /** The event as JSON text, ready to be sent. */
  payload: string;
  created_at_ms: number;
}

export interface IdempotencyRow {
  id: number;
  /** `<user id>:<operation>:<key>`. */
  scope: string;
  body_hash: string;
  /** The stored answer; status 0 while the first request is still at work. */
  status: number;
  answer: JsonObject;
  created_at_ms: number;
}

export interface UploadRow {
  id: number;
  upload_id: string;
  user_id: number;
  workspace_id: number;
  path: string;
  size_bytes: number;
  if_match: string | null;
  /** Entity tag of the file once it was put in place: whoever lost the answer to the last chunk can ask. */
  finished_etag: string | null;
  created_at_ms: number;
}

/** Values that the server must remember, such as its signing key. */
export interface SettingRow {
  id: number;
  name: string;
  value: JsonObject;
}

/** Who did what to what, from where and when. Never holds a secret. */
export interface AuditEntryRow {
  id: number;
  created_at_ms: number;
  /** A code of the specification's AuditAction. */
  action: string;
  outcome: 'done' | 'refused';
  /** `terminal`: somebody at the server's host; `server`: the server itself; `nobody`: not signed in. */
  actor_kind: 'user' | 'terminal' | 'server' | 'nobody';
  actor_user_id: number | null;
  actor_name: string | null;
  subject_kind: 'user' | 'token' | 'client' | 'workspace' | 'job' | 'share' | 'directory' | null;
  subject_id: number | null;
  /** Where the request came from: the client's address as trusted proxies tell it. */
  address: string | null;
  request_id: string | null;
  details: JsonObject;
}

/** Every table and its row. */
export interface Tables {
  users: UserRow;
  api_clients: ApiClientRow;
  tokens: TokenRow;
  workspaces: WorkspaceRow;
  jobs: JobRow;
  shares: ShareRow;
  events: EventRow;
  idempotency_keys: IdempotencyRow;
  uploads: UploadRow;
  settings: SettingRow;
  audit_entries: AuditEntryRow;
}

export type TableName = keyof Tables;
export type Row<T extends TableName> = Tables[T];
export type NewRow<T extends TableName> = Omit<Tables[T], 'id'>;

/** How a column is kept. `id` is the primary key; `integer` holds 53 bits; `name` is text of at most 255 characters that may be indexed; `text` has no bound. */
export type ColumnType = 'id' | 'integer' | 'number' | 'boolean' | 'name' | 'text' | 'json';

export interface TableDefinition<T extends TableName> {
  readonly columns: {
    readonly [C in keyof Row<T>]-?: ColumnType | { readonly type: ColumnType; readonly nullable: true };
  };
  readonly unique: readonly (readonly (keyof Row<T>)[])[];
  readonly indexes: readonly (readonly (keyof Row<T>)[])[];
}

const nullable = (type: ColumnType): { type: ColumnType; nullable: true } => ({ type, nullable: true });
const lease = {
  lease_owner: nullable('name'),
  lease_until_ms: 'integer',
  lease_fence: 'integer',
  due_at_ms: nullable('integer'),
  attempts: 'integer',
} as const;

/** The schema as data: what a database adapter creates, and how it reads and writes each column. Text is compared case-sensitively. */
export const tableDefinitions: { readonly [T in TableName]: TableDefinition<T> } = {
  users: {
    columns: {
      id: 'id',
      username: 'name',
      email: 'name',
      first_name: 'name',
      last_name: 'name',
      search_text: 'text',
      is_active: 'boolean',
      deactivated_at_ms: nullable('integer'),
      session_epoch: 'integer',
      role: 'name',
      event_seq: 'integer',
      max_disk_space_bytes: nullable('integer'),
      max_core_hours: nullable('number'),
      max_active_jobs: nullable('integer'),
      max_workspaces: nullable('integer'),
      used_disk_space_bytes: 'integer',
      used_core_hours: 'number',
      created_at_ms: 'integer',
    },
    unique: [['username']],
    indexes: [],
  },
  api_clients: {
    columns: { id: 'id', name: 'name', token_hash: 'name', is_configured: 'boolean', created_at_ms: 'integer' },
    unique: [['name'], ['token_hash']],
    indexes: [],
  },
  tokens: {
    columns: {
      id: 'id',
      user_id: 'integer',
      name: 'name',
      client_id: nullable('integer'),
      token_hash: 'name',
      created_at_ms: 'integer',
      expires_at_ms: 'integer',
      last_used_at_ms: nullable('integer'),
    },
    unique: [['token_hash']],
    indexes: [['user_id'], ['expires_at_ms'], ['client_id', 'id']],
  },
  workspaces: {
    columns: {
      id: 'id',
      user_id: 'integer',
      name: 'name',
      description: 'text',
      disk_space_bytes: 'integer',
      created_at_ms: 'integer',
      last_modified_at_ms: nullable('integer'),
      last_job_launch_at_ms: nullable('integer'),
      request_details: 'json',
      current_details: 'json',
      status: 'name',
      status_reason: nullable('text'),
      default_job_type: nullable('name'),
      storage: 'name',
      location: 'text',
      account: 'json',
      pending_changes: nullable('json'),
      is_listed: 'boolean',
      version: 'integer',
      ...lease,
    },
    unique: [],
    indexes: [['user_id'], ['due_at_ms'], ['status']],
  },
  jobs: {
    columns: {
      id: 'id',
      user_id: 'integer',
      workspace_id: 'integer',
      job_type: 'name',
      resource: 'name',
      launch_key: 'name',
      resource_job_id: 'integer',
      resource_handle: nullable('name'),
      status: 'name',
      status_reason: nullable('name'),
      status_message: nullable('text'),
      queue_reason: nullable('text'),
      expected_start_at_ms: nullable('integer'),
      exit_code: nullable('integer'),
      signal: nullable('name'),
      last_log_lines: 'json',
      created_at_ms: 'integer',
      started_at_ms: nullable('integer'),
      ended_at_ms: nullable('integer'),
      ends_at_ms: nullable('integer'),
      stop_requested_at_ms: nullable('integer'),
      stop_reason: nullable('name'),
      launch_begun: 'boolean',
      core_hours: 'number',
      gpu_hours: nullable('number'),
      request_details: 'json',
      resource_options: 'json',
      native_options: 'json',
      metrics: 'json',
      current_details: 'json',
      session_token: 'name',
      session_secret: 'name',
      session_host: nullable('name'),
      session_port: nullable('integer'),
      session_path: nullable('text'),
      session_base_path: nullable('name'),
      session_query: 'json',
      last_activity_at_ms: nullable('integer'),
      idle_stop_at_ms: nullable('integer'),
      is_remembered: 'boolean',
      version: 'integer',
      ...lease,
    },
    unique: [['launch_key']],
    indexes: [['user_id'], ['workspace_id'], ['status'], ['due_at_ms']],
  },
  shares: {
    columns: {
      id: 'id',
      original_workspace_id: nullable('integer'),
      shared_workspace_id: 'integer',
      sender_user_id: 'integer',
      receiver_user_id: 'integer',
      last_resource_options: 'json',
      last_job_type: nullable('name'),
      is_accepted: 'boolean',
      accepted_offer: nullable('json'),
      created_at_ms: 'integer',
      work: 'name',
      mail_due: 'boolean',
      ...lease,
    },
    unique: [['shared_workspace_id']],
    indexes: [['original_workspace_id'], ['sender_user_id'], ['receiver_user_id'], ['due_at_ms']],
  },
  events: {
    columns: {
      id: 'id',
      user_id: 'integer',
      seq: 'integer',
      type: 'name',
      subject_id: 'integer',
      payload: 'text',
      created_at_ms: 'integer',
    },
    unique: [['user_id', 'seq']],
    indexes: [['created_at_ms']],
  },
  idempotency_keys: {
    columns: {
      id: 'id',
      scope: 'name',
      body_hash: 'name',
      status: 'integer',
      answer: 'json',
      created_at_ms: 'integer',
    },
    unique: [['scope']],
    indexes: [['created_at_ms']],
  },
  uploads: {
    columns: {
      id: 'id',
      upload_id: 'name',
      user_id: 'integer',
      workspace_id: 'integer',
      path: 'text',
      size_bytes: 'integer',
      if_match: nullable('name'),
      finished_etag: nullable('name'),
      created_at_ms: 'integer',
    },
    unique: [['upload_id']],
    indexes: [['workspace_id'], ['created_at_ms']],
  },
  settings: { columns: { id: 'id', name: 'name', value: 'json' }, unique: [['name']], indexes: [] },
  audit_entries: {
    columns: {
      id: 'id',
      created_at_ms: 'integer',
      action: 'name',
      outcome: 'name',
      actor_kind: 'name',
      actor_user_id: nullable('integer'),
      actor_name: nullable('name'),
      subject_kind: nullable('name'),
      subject_id: nullable('integer'),
      address: nullable('name'),
      request_id: nullable('name'),
      details: 'json',
    },
    unique: [],
    indexes: [['created_at_ms'], ['actor_user_id'], ['subject_kind', 'subject_id']],
  },
};
