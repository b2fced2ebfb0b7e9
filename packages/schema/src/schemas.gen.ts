// Generated from openapi/user-workspaces.yaml by `npm run generate`. Do not edit.

import * as z from 'zod';

const integerText = z.string().regex(/^-?[0-9]{1,15}$/, { error: 'not an integer' }).transform(Number);
const booleanText = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');

export const ErrorCode = z.enum(["invalid_json","invalid_field","missing_field","invalid_path","link_refused","unknown_job_type","job_type_misconfigured","unknown_action","workspace_busy","share_pending","share_accepted","job_not_active","not_authenticated","invalid_token","sign_in_failed","permission_denied","not_found","method_not_allowed","request_timeout","conflict","idempotency_conflict","precondition_failed","too_large","range_not_satisfiable","invalid_options","quota_exceeded","rate_limited","internal","unsupported","session_unreachable","unavailable","disk_full"]);
export const ErrorAnswer = z.strictObject({ "success": z.literal(false), "message": z.string(), "error": z.strictObject({ "code": ErrorCode, "field": z.exactOptional(z.string()), "details": z.exactOptional(z.record(z.string(), z.unknown())) }), "request_id": z.string() });
export const Answer = z.strictObject({ "success": z.literal(true), "message": z.string() });
export const SignInRequest = z.record(z.string(), z.unknown());
export const Time = z.string().refine((time) => !Number.isNaN(Date.parse(time)), { error: "not a time" });
export const SignInAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "token": z.exactOptional(z.string()), "datetime_expires": z.exactOptional(Time), "data": z.exactOptional(z.record(z.string(), z.unknown())) });
export const NullableTime = z.union([z.string().refine((time) => !Number.isNaN(Date.parse(time)), { error: "not a time" }), z.null()]);
export const Role = z.enum(["user","administrator"]);
export const QuotaScope = z.enum(["disk_space","core_hours","active_jobs","workspaces"]);
export const Quota = z.strictObject({ "limit": z.union([z.number(), z.null()]), "used": z.number() });
export const Quotas = z.strictObject({ "disk_space": Quota, "core_hours": Quota, "active_jobs": Quota, "workspaces": Quota });
export const QuotaExceeded = z.strictObject({ "scope": QuotaScope, "limit": z.number(), "used": z.number(), "requested": z.number() });
export const Me = z.strictObject({ "id": z.int(), "username": z.string(), "email": z.string(), "first_name": z.string(), "last_name": z.string(), "account": z.string(), "role": Role, "quotas": Quotas, "event_id": z.int() });
export const MeAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "user": Me }) });
export const Token = z.strictObject({ "id": z.int(), "name": z.string(), "datetime_created": Time, "datetime_expires": Time, "datetime_last_used": NullableTime, "is_current": z.boolean() });
export const TokensAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "tokens": z.array(Token) }) });
export const User = z.strictObject({ "id": z.int(), "first_name": z.string(), "last_name": z.string(), "username": z.string(), "email": z.string() });
export const UsersAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "users": z.array(User), "next_cursor": z.exactOptional(z.string()) }) });
export const NewFile = z.object({ "name": z.string({ error: "Invalid file path specified" }), "content": z.exactOptional(z.string()) });
export const NewLink = z.object({ "name": z.string(), "source_path": z.exactOptional(z.string()), "dataset_uuid": z.exactOptional(z.string()) });
export const NewWorkspaceDetails = z.object({ "files": z.exactOptional(z.array(NewFile, { error: "'files' index must contain a list." })), "symlinks": z.exactOptional(z.array(NewLink, { error: "'symlinks' index must contain a list." })), "globus_groups_token": z.exactOptional(z.string()) }, { error: "Workspace details not JSON." });
export const WorkspaceCreateRequest = z.object({ "name": z.string({ error: (issue) => (issue.input === undefined ? "Missing required fields." : undefined) }).max(64), "description": z.string({ error: (issue) => (issue.input === undefined ? "Missing required fields." : undefined) }).max(65535), "default_job_type": z.exactOptional(z.union([z.string(), z.null()])), "workspace_details": z.exactOptional(NewWorkspaceDetails) });
export const WorkspaceUpdateRequest = z.object({ "name": z.exactOptional(z.string().max(64)), "description": z.exactOptional(z.string().max(65535)), "default_job_type": z.exactOptional(z.union([z.string(), z.null()])), "workspace_details": z.exactOptional(NewWorkspaceDetails) });
export const StartRequest = z.object({ "job_type": z.exactOptional(z.string()), "job_details": z.exactOptional(z.record(z.string(), z.unknown(), { error: "Job details not JSON." })), "resource_options": z.exactOptional(z.record(z.string(), z.unknown(), { error: "Resource options not JSON." })), "resource": z.exactOptional(z.string()) });
export const ExtendRequest = z.object({ "time_limit_minutes": z.int().min(1) });
export const RenameRequest = z.object({ "from": z.string().min(1).max(4096), "to": z.string().min(1).max(4096) });
export const UploadCreateRequest = z.object({ "path": z.string().min(1).max(4096), "size_bytes": z.int().min(0), "if_match": z.exactOptional(z.union([z.string(), z.null()])) });
export const ShareCreateRequest = z.object({ "original_workspace_id": z.union([z.int(), z.string().regex(new RegExp("^[0-9]{1,15}$"))], { error: (issue) => (issue.input === undefined ? "Missing required fields." : undefined) }), "shared_user_ids": z.array(z.int(), { error: (issue) => (issue.input === undefined ? "Missing required fields." : "shared_user_ids is not a list.") }).min(1).max(100) });
export const FileName = z.strictObject({ "name": z.string() });
export const RequestedLink = z.looseObject({ "name": z.string(), "source_path": z.exactOptional(z.string()), "dataset_uuid": z.exactOptional(z.string()) });
export const WorkspaceDetails = z.strictObject({ "request_workspace_details": z.strictObject({ "files": z.array(FileName), "symlinks": z.array(RequestedLink) }), "current_workspace_details": z.strictObject({ "files": z.array(FileName), "symlinks": z.array(FileName) }) });
export const WorkspaceStatus = z.enum(["initializing","idle","active","deleting","error"]);
export const Workspace = z.strictObject({ "id": z.int(), "name": z.string(), "description": z.string(), "disk_space": z.int(), "datetime_created": Time, "datetime_last_modified": NullableTime, "datetime_last_job_launch": NullableTime, "workspace_details": WorkspaceDetails, "status": WorkspaceStatus, "status_reason": z.union([z.string(), z.null()]), "default_job_type": z.union([z.string(), z.null()]), "version": z.int() });
export const WorkspacesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "workspaces": z.array(Workspace), "next_cursor": z.exactOptional(z.string()) }) });
export const WorkspaceAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "workspace": Workspace }) });
export const JobStatus = z.enum(["pending","running","stopping","complete","failed"]);
export const JobStatusReason = z.enum(["finished","stopped","time_limit","exit_code","signal","memory_limit","node_failure","launch_failed","lost","idle","start_timeout","session_lost"]);
export const JobPhase = z.enum(["launching","queued","starting","running"]);
export const ProxyDetails = z.strictObject({ "hostname": z.string(), "port": z.int(), "path": z.string() });
export const ConnectionDetails = z.strictObject({ "url_domain": z.string(), "url_path": z.string() });
export const CurrentJobDetails = z.strictObject({ "message": z.exactOptional(z.string()), "time_left": z.exactOptional(z.union([z.number(), z.null()])), "proxy_details": z.exactOptional(ProxyDetails), "connection_details": z.exactOptional(ConnectionDetails) });
export const JobDetails = z.strictObject({ "metrics": z.strictObject({ "time_pending": z.exactOptional(z.number()), "time_init": z.exactOptional(z.number()) }), "request_job_details": z.record(z.string(), z.unknown()), "current_job_details": CurrentJobDetails });
export const Job = z.strictObject({ "id": z.int(), "workspace_id": z.int(), "resource_job_id": z.int(), "job_type": z.string(), "status": JobStatus, "datetime_created": Time, "datetime_start": NullableTime, "datetime_end": NullableTime, "core_hours": z.union([z.number(), z.string()]), "gpu_hours": z.union([z.number(), z.null()]), "job_details": JobDetails, "resource": z.string(), "resource_handle": z.union([z.string(), z.null()]), "status_reason": z.union([JobStatusReason, z.null()]), "status_message": z.union([z.string(), z.null()]), "queue_reason": z.union([z.string(), z.null()]), "datetime_expected_start": NullableTime, "datetime_time_limit": NullableTime, "phase": JobPhase, "datetime_last_activity": z.union([Time, z.null()]), "datetime_idle_stop": z.union([Time, z.null()]), "exit_code": z.union([z.int(), z.null()]), "signal": z.union([z.string(), z.null()]), "last_log_lines": z.array(z.string()), "version": z.int() });
export const JobState = z.strictObject({ "status": JobStatus, "current_job_details": CurrentJobDetails });
export const JobsAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "jobs": z.array(Job), "next_cursor": z.exactOptional(z.string()) }) });
export const JobAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "job": Job }) });
export const File = z.strictObject({ "path": z.string(), "name": z.string(), "kind": z.enum(["file","directory","symlink","other"]), "size_bytes": z.int(), "datetime_modified": Time, "etag": z.string(), "target": z.exactOptional(z.string()) });
export const FilesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "files": z.array(File), "next_cursor": z.exactOptional(z.string()) }) });
export const FileAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "file": File }) });
export const Upload = z.strictObject({ "id": z.string(), "path": z.string(), "size_bytes": z.int(), "offset": z.int(), "file": z.exactOptional(File) });
export const UploadAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "upload": Upload }) });
export const ShareUser = z.strictObject({ "username": z.string(), "first_name": z.string(), "last_name": z.string(), "email": z.string() });
export const ShareWorkspace = z.strictObject({ "id": z.int(), "name": z.string(), "description": z.string(), "workspace_details": WorkspaceDetails, "user_id": ShareUser });
export const ShareStatus = z.enum(["copying","copied","error"]);
export const Share = z.strictObject({ "original_workspace_id": z.union([ShareWorkspace, z.null()]), "shared_workspace_id": ShareWorkspace, "last_resource_options": z.record(z.string(), z.unknown()), "last_job_type": z.union([z.string(), z.null()]), "is_accepted": z.boolean(), "status": ShareStatus, "status_reason": z.union([z.string(), z.null()]), "datetime_share_created": Time });
export const SharesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "original_workspaces": z.array(Share), "shared_workspaces": z.array(Share), "next_cursor": z.exactOptional(z.string()) }) });
export const SharesCreatedAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "shared_workspaces": z.array(Share) }) });
export const HelloEvent = z.strictObject({ "type": z.enum(["hello"]), "id": z.int(), "datetime": Time });
export const ResetEvent = z.strictObject({ "type": z.enum(["reset"]), "id": z.int(), "datetime": Time });
export const WorkspaceChangedEvent = z.strictObject({ "type": z.enum(["workspace.changed"]), "id": z.int(), "datetime": Time, "workspace": Workspace });
export const WorkspaceDeletedEvent = z.strictObject({ "type": z.enum(["workspace.deleted"]), "id": z.int(), "datetime": Time, "workspace_id": z.int() });
export const JobChangedEvent = z.strictObject({ "type": z.enum(["job.changed"]), "id": z.int(), "datetime": Time, "job": Job });
export const JobIdleWarningEvent = z.strictObject({ "type": z.enum(["job.idle_warning"]), "id": z.int(), "datetime": Time, "job": Job });
export const ShareChangedEvent = z.strictObject({ "type": z.enum(["share.changed"]), "id": z.int(), "datetime": Time, "share": Share });
export const ShareDeletedEvent = z.strictObject({ "type": z.enum(["share.deleted"]), "id": z.int(), "datetime": Time, "shared_workspace_id": z.int() });
export const Event = z.discriminatedUnion("type", [HelloEvent, ResetEvent, WorkspaceChangedEvent, WorkspaceDeletedEvent, JobChangedEvent, JobIdleWarningEvent, ShareChangedEvent, ShareDeletedEvent]);
export const OwnQuota = z.union([z.int().min(0).max(9007199254740991), z.null(), z.literal("default")]);
export const OwnHours = z.union([z.number().min(0).max(1000000000000), z.null(), z.literal("default")]);
export const OwnQuotas = z.strictObject({ "disk_space": OwnQuota, "core_hours": OwnHours, "active_jobs": OwnQuota, "workspaces": OwnQuota });
export const OwnQuotaChanges = z.strictObject({ "disk_space": z.exactOptional(OwnQuota), "core_hours": z.exactOptional(OwnHours), "active_jobs": z.exactOptional(OwnQuota), "workspaces": z.exactOptional(OwnQuota) }).refine((value) => Object.keys(value).length >= 1, { error: "At least one of disk_space, core_hours, active_jobs, workspaces is needed." });
export const NewUserRequest = z.strictObject({ "username": z.string().min(1).max(255), "email": z.string().min(1).max(255), "first_name": z.exactOptional(z.string().max(255)), "last_name": z.exactOptional(z.string().max(255)), "role": z.exactOptional(Role) });
export const RoleRequest = z.strictObject({ "role": Role });
export const EmailRequest = z.strictObject({ "email": z.string().min(1).max(255) });
export const AdminUser = z.strictObject({ "id": z.int(), "username": z.string(), "email": z.string(), "first_name": z.string(), "last_name": z.string(), "role": Role, "is_active": z.boolean(), "datetime_created": Time, "datetime_deactivated": NullableTime, "disk_space": z.int(), "core_hours": z.number(), "own_quotas": OwnQuotas });
export const AdminUsersAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "users": z.array(AdminUser), "next_cursor": z.exactOptional(z.string()) }) });
export const AdminUserAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "user": AdminUser, "quotas": Quotas }) });
export const AdminToken = z.strictObject({ "id": z.int(), "name": z.string(), "datetime_created": Time, "datetime_expires": Time, "datetime_last_used": NullableTime });
export const AdminTokensAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "tokens": z.array(AdminToken) }) });
export const Client = z.strictObject({ "id": z.int(), "name": z.string(), "is_configured": z.boolean(), "datetime_created": Time });
export const ClientRequest = z.strictObject({ "name": z.string().min(1).max(64).regex(new RegExp("^[A-Za-z0-9][A-Za-z0-9._ -]*$")) });
export const ClientsAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "clients": z.array(Client), "next_cursor": z.exactOptional(z.string()) }) });
export const ClientTokenAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "client": Client, "client_token": z.string() }) });
export const RevokedSignInsAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "revoked": z.int(), "users": z.int(), "undetermined": z.int() }) });
export const AdminJob = z.strictObject({ "id": z.int(), "user_id": z.int(), "username": z.union([z.string(), z.null()]), "workspace_id": z.int(), "job_type": z.string(), "resource": z.string(), "resource_handle": z.union([z.string(), z.null()]), "status": JobStatus, "status_reason": z.union([JobStatusReason, z.null()]), "status_message": z.union([z.string(), z.null()]), "queue_reason": z.union([z.string(), z.null()]), "phase": JobPhase, "exit_code": z.union([z.int(), z.null()]), "signal": z.union([z.string(), z.null()]), "datetime_created": Time, "datetime_start": NullableTime, "datetime_end": NullableTime, "datetime_time_limit": NullableTime, "core_hours": z.number(), "gpu_hours": z.union([z.number(), z.null()]), "resource_options": z.record(z.string(), z.unknown()) });
export const AdminJobsAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "jobs": z.array(AdminJob), "next_cursor": z.exactOptional(z.string()) }) });
export const UnknownLaunch = z.strictObject({ "launch_key": z.string(), "resource": z.string(), "state": z.enum(["pending","running","ended","absent","unknown"]), "resource_job_id": z.union([z.int(), z.null()]), "datetime_started": NullableTime });
export const UnknownLaunchesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "launches": z.array(UnknownLaunch) }) });
export const AdminWorkspace = z.strictObject({ "id": z.int(), "user_id": z.int(), "username": z.union([z.string(), z.null()]), "name": z.string(), "status": WorkspaceStatus, "disk_space": z.int(), "storage": z.string(), "is_accepted": z.boolean(), "datetime_created": Time, "datetime_last_modified": NullableTime, "datetime_last_job_launch": NullableTime });
export const AdminWorkspacesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "workspaces": z.array(AdminWorkspace), "next_cursor": z.exactOptional(z.string()) }) });
export const Directory = z.strictObject({ "is_open": z.boolean(), "source": z.enum(["configuration","administrator"]) });
export const DirectoryRequest = z.strictObject({ "is_open": z.union([z.boolean(), z.null()]) });
export const DirectoryAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "directory": Directory }) });
export const AuditAction = z.enum(["sign_in","token.create","token.revoke","workspace.create","workspace.delete","file.write","file.rename","file.delete","job.start","job.stop","job.extend","share.create","share.accept","share.delete","session.open","user.create","user.deactivate","user.reactivate","user.quotas","user.role","user.email","user.delete","client.create","client.rotate","client.delete","client.revoke_sign_ins","launch.end","directory.set","administration"]);
export const AuditOutcome = z.enum(["done","refused"]);
export const AuditActorKind = z.enum(["user","terminal","server","nobody"]);
export const AuditSubjectKind = z.enum(["user","token","client","workspace","job","share","directory"]);
export const AuditActor = z.strictObject({ "kind": AuditActorKind, "user_id": z.union([z.int(), z.null()]), "name": z.union([z.string(), z.null()]) });
export const AuditEntry = z.strictObject({ "id": z.int(), "datetime": Time, "action": AuditAction, "outcome": AuditOutcome, "actor": AuditActor, "subject_kind": z.union([AuditSubjectKind, z.null()]), "subject_id": z.union([z.int(), z.null()]), "address": z.union([z.string(), z.null()]), "request_id": z.union([z.string(), z.null()]), "details": z.record(z.string(), z.unknown()) });
export const AuditAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "entries": z.array(AuditEntry), "next_cursor": z.exactOptional(z.string()) }) });
export const JobType = z.strictObject({ "id": z.string(), "name": z.string(), "resources": z.array(z.string()), "idle_timeout_minutes": z.union([z.number(), z.null()]) });
export const JobTypesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "job_types": z.record(z.string(), JobType) }) });
export const Parameter = z.looseObject({ "display_name": z.string(), "description": z.string(), "variable_name": z.string(), "default_value": z.unknown(), "validation": z.looseObject({ "type": z.enum(["int","str","bool","float","list","dict"]), "min": z.exactOptional(z.number()), "max": z.exactOptional(z.number()), "required": z.exactOptional(z.boolean()) }) });
export const ParametersAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "parameters": z.array(Parameter) }) });
export const Capacity = z.strictObject({ "total": z.number(), "free": z.number() });
export const ResourceLoad = z.strictObject({ "running_jobs": z.union([z.int(), z.null()]), "queued_jobs": z.union([z.int(), z.null()]), "cpus": z.union([Capacity, z.null()]), "memory_mb": z.union([Capacity, z.null()]), "gpus": z.union([Capacity, z.null()]) });
export const Dependency = z.strictObject({ "connected": z.boolean(), "message": z.string(), "details": z.exactOptional(z.string()) });
export const Resource = z.strictObject({ "name": z.string(), "kind": z.string(), "job_types": z.array(z.string()), "health": Dependency, "limits": z.strictObject({ "time": z.string(), "memory": z.string(), "cpu": z.string() }), "can_extend": z.boolean(), "options": z.array(Parameter), "jobs": z.strictObject({ "pending": z.int(), "running": z.int() }), "load": z.union([ResourceLoad, z.null()]) });
export const ResourcesAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "resources": z.array(Resource) }) });
export const Limits = z.strictObject({ "header_bytes": z.int(), "headers": z.int(), "url_bytes": z.int(), "json_bytes": z.int(), "json_depth": z.int(), "json_values": z.int(), "open_json_bytes": z.int(), "all_json_bytes": z.int(), "job_details_bytes": z.int(), "workspace_details_bytes": z.int(), "list_bytes": z.int(), "file_bytes": z.int(), "chunk_bytes": z.int(), "files_per_request": z.int(), "links_per_request": z.int(), "links_per_workspace": z.int(), "shares_per_request": z.int(), "requests_per_minute": z.int(), "failed_sign_ins_per_minute": z.int(), "open_requests": z.int(), "open_event_streams": z.int(), "open_job_sockets": z.int(), "open_archives": z.int(), "open_uploads": z.int(), "open_shares": z.int(), "open_shares_to_one": z.int(), "open_session_requests": z.int(), "open_session_sockets": z.int(), "all_session_sockets": z.int(), "header_seconds": z.int(), "json_seconds": z.int(), "idle_seconds": z.int() });
export const LimitsAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "data": z.strictObject({ "limits": Limits }) });
export const StatusAnswer = z.strictObject({ "success": z.literal(true), "message": z.string(), "version": z.string(), "build": z.string(), "dependencies": z.strictObject({ "main_resource": Dependency, "api_user_authentication": Dependency, "resources": z.record(z.string(), Dependency), "storage_methods": z.record(z.string(), Dependency), "user_authentication_methods": z.record(z.string(), Dependency), "database": Dependency }) });

/** What each operation takes: parameters as text, its JSON body, and which limits bound the lists in it. */
export const requests = {
  createToken: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: SignInRequest, lists: [] },
  getMe: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listTokens: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  revokeToken: { path: z.object({ "token_id": z.string().regex(new RegExp("^([0-9]{1,15}|current)$")) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  searchUsers: { path: z.object({  }), query: z.object({ "search": z.exactOptional(z.string()), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listWorkspaces: { path: z.object({  }), query: z.object({ "name": z.exactOptional(z.string()), "description": z.exactOptional(z.string()), "status": z.exactOptional(z.string()), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  createWorkspace: { path: z.object({  }), query: z.object({  }), headers: z.object({ "Idempotency-Key": z.exactOptional(z.string().min(1).max(128)) }), body: WorkspaceCreateRequest, lists: [{"path":["workspace_details","files"],"limit":"files_per_request"},{"path":["workspace_details","symlinks"],"limit":"links_per_request"}] },
  getWorkspace: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  updateWorkspace: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: WorkspaceUpdateRequest, lists: [{"path":["workspace_details","files"],"limit":"files_per_request"},{"path":["workspace_details","symlinks"],"limit":"links_per_request"}] },
  deleteWorkspace: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "force": z.exactOptional(booleanText) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  startWorkspace: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({ "Idempotency-Key": z.exactOptional(z.string().min(1).max(128)) }), body: StartRequest, lists: [] },
  uploadFiles: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listFiles: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.exactOptional(z.string().max(4096)), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  deleteFile: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.string().min(1).max(4096) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  readFile: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.string().min(1).max(4096) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  writeFile: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.string().min(1).max(4096) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  makeDirectory: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.string().min(1).max(4096) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  renameFile: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: RenameRequest, lists: [] },
  readArchive: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "path": z.exactOptional(z.string().max(4096)), "format": z.exactOptional(z.enum(["zip","tar.gz"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  createUpload: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: UploadCreateRequest, lists: [] },
  getUpload: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)), "upload_id": z.string().regex(new RegExp("^[0-9a-f]{32}$")) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  appendUpload: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)), "upload_id": z.string().regex(new RegExp("^[0-9a-f]{32}$")) }), query: z.object({ "offset": integerText.pipe(z.int().min(0)) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  abandonUpload: { path: z.object({ "workspace_id": integerText.pipe(z.int().min(0)), "upload_id": z.string().regex(new RegExp("^[0-9a-f]{32}$")) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listJobs: { path: z.object({  }), query: z.object({ "workspace_id": z.exactOptional(integerText.pipe(z.int().min(0))), "resource_job_id": z.exactOptional(integerText.pipe(z.int())), "job_type": z.exactOptional(z.string()), "status": z.exactOptional(z.string()), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getJob: { path: z.object({ "job_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  stopJob: { path: z.object({ "job_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  extendJob: { path: z.object({ "job_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: ExtendRequest, lists: [] },
  readJobLogs: { path: z.object({ "job_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "tail_bytes": z.exactOptional(integerText.pipe(z.int().min(0).max(16777216))), "offset": z.exactOptional(integerText.pipe(z.int().min(0))), "follow": z.exactOptional(booleanText) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listShares: { path: z.object({  }), query: z.object({ "is_accepted": z.exactOptional(z.enum(["True","False","1","0"])), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  createShares: { path: z.object({  }), query: z.object({  }), headers: z.object({ "Idempotency-Key": z.exactOptional(z.string().min(1).max(128)) }), body: ShareCreateRequest, lists: [{"path":["shared_user_ids"],"limit":"shares_per_request"}] },
  getShare: { path: z.object({ "shared_workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  deleteShare: { path: z.object({ "shared_workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  acceptShare: { path: z.object({ "shared_workspace_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  streamEvents: { path: z.object({  }), query: z.object({ "last_event_id": z.exactOptional(z.string().regex(new RegExp("^[0-9]{1,15}(\\.[0-9]{1,9})?$"))) }), headers: z.object({ "Last-Event-ID": z.exactOptional(z.string().regex(new RegExp("^[0-9]{1,15}(\\.[0-9]{1,9})?$"))) }), body: z.undefined(), lists: [] },
  adminListUsers: { path: z.object({  }), query: z.object({ "search": z.exactOptional(z.string().max(255)), "is_active": z.exactOptional(booleanText), "role": z.exactOptional(Role), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminCreateUser: { path: z.object({  }), query: z.object({  }), headers: z.object({ "Idempotency-Key": z.exactOptional(z.string().min(1).max(128)) }), body: NewUserRequest, lists: [] },
  adminGetUser: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminDeleteUser: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminDeactivateUser: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({ "stop_jobs": z.exactOptional(booleanText) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminReactivateUser: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminSetQuotas: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: OwnQuotaChanges, lists: [] },
  adminSetRole: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: RoleRequest, lists: [] },
  adminSetEmail: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: EmailRequest, lists: [] },
  adminListTokens: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminRevokeTokens: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminRevokeToken: { path: z.object({ "user_id": integerText.pipe(z.int().min(0)), "id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminListClients: { path: z.object({  }), query: z.object({ "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminCreateClient: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: ClientRequest, lists: [] },
  adminDeleteClient: { path: z.object({ "id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminRotateClient: { path: z.object({ "id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminRevokeSignIns: { path: z.object({ "id": integerText.pipe(z.int().min(0)) }), query: z.object({ "since": z.exactOptional(z.string().max(64)) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminListJobs: { path: z.object({  }), query: z.object({ "user_id": z.exactOptional(integerText.pipe(z.int().min(0))), "workspace_id": z.exactOptional(integerText.pipe(z.int().min(0))), "status": z.exactOptional(JobStatus), "job_type": z.exactOptional(z.string()), "resource": z.exactOptional(z.string()), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminStopJob: { path: z.object({ "job_id": integerText.pipe(z.int().min(0)) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminListLaunches: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminEndLaunch: { path: z.object({ "launch_key": z.string().regex(new RegExp("^[A-Za-z0-9_-]{1,128}$")) }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminListWorkspaces: { path: z.object({  }), query: z.object({ "user_id": z.exactOptional(integerText.pipe(z.int().min(0))), "status": z.exactOptional(WorkspaceStatus), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminGetDirectory: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  adminSetDirectory: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: DirectoryRequest, lists: [] },
  adminListAudit: { path: z.object({  }), query: z.object({ "actor_user_id": z.exactOptional(integerText.pipe(z.int().min(0))), "action": z.exactOptional(AuditAction), "outcome": z.exactOptional(AuditOutcome), "subject_kind": z.exactOptional(AuditSubjectKind), "subject_id": z.exactOptional(integerText.pipe(z.int().min(0))), "from": z.exactOptional(z.string().max(64)), "until": z.exactOptional(z.string().max(64)), "limit": z.exactOptional(integerText.pipe(z.int().min(1).max(1000))), "cursor": z.exactOptional(z.string().max(1024)), "order": z.exactOptional(z.enum(["id","-id","datetime_created","-datetime_created"])) }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listJobTypes: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listParameters: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  listResources: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getLimits: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getStatus: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getHealth: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getReadiness: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  getMetrics: { path: z.object({  }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
  openSession: { path: z.object({ "hostname": z.string(), "job_id": integerText.pipe(z.int().min(0)), "path": z.string() }), query: z.object({  }), headers: z.object({  }), body: z.undefined(), lists: [] },
} as const;

/** The JSON answers of each operation by status. */
export const answers = {
  createToken: { "200": SignInAnswer, "default": ErrorAnswer },
  getMe: { "200": MeAnswer, "default": ErrorAnswer },
  listTokens: { "200": TokensAnswer, "default": ErrorAnswer },
  revokeToken: { "200": Answer, "default": ErrorAnswer },
  searchUsers: { "200": UsersAnswer, "default": ErrorAnswer },
  listWorkspaces: { "200": WorkspacesAnswer, "default": ErrorAnswer },
  createWorkspace: { "200": WorkspaceAnswer, "default": ErrorAnswer },
  getWorkspace: { "200": WorkspacesAnswer, "default": ErrorAnswer },
  updateWorkspace: { "200": Answer, "default": ErrorAnswer },
  deleteWorkspace: { "200": Answer, "default": ErrorAnswer },
  startWorkspace: { "200": JobAnswer, "422": ErrorAnswer, "default": ErrorAnswer },
  uploadFiles: { "200": Answer, "default": ErrorAnswer },
  listFiles: { "200": FilesAnswer, "default": ErrorAnswer },
  deleteFile: { "200": Answer, "default": ErrorAnswer },
  readFile: { "416": ErrorAnswer, "default": ErrorAnswer },
  writeFile: { "200": FileAnswer, "412": ErrorAnswer, "507": ErrorAnswer, "default": ErrorAnswer },
  makeDirectory: { "200": FileAnswer, "default": ErrorAnswer },
  renameFile: { "200": FileAnswer, "409": ErrorAnswer, "default": ErrorAnswer },
  readArchive: { "default": ErrorAnswer },
  createUpload: { "200": UploadAnswer, "default": ErrorAnswer },
  getUpload: { "200": UploadAnswer, "default": ErrorAnswer },
  appendUpload: { "200": UploadAnswer, "409": ErrorAnswer, "default": ErrorAnswer },
  abandonUpload: { "200": Answer, "default": ErrorAnswer },
  listJobs: { "200": JobsAnswer, "default": ErrorAnswer },
  getJob: { "200": JobsAnswer, "default": ErrorAnswer },
  stopJob: { "200": Answer, "default": ErrorAnswer },
  extendJob: { "200": JobAnswer, "default": ErrorAnswer },
  readJobLogs: { "default": ErrorAnswer },
  listShares: { "200": SharesAnswer, "default": ErrorAnswer },
  createShares: { "200": SharesCreatedAnswer, "default": ErrorAnswer },
  getShare: { "200": SharesAnswer, "default": ErrorAnswer },
  deleteShare: { "200": Answer, "default": ErrorAnswer },
  acceptShare: { "200": Answer, "default": ErrorAnswer },
  streamEvents: { "default": ErrorAnswer },
  adminListUsers: { "200": AdminUsersAnswer, "default": ErrorAnswer },
  adminCreateUser: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminGetUser: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminDeleteUser: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminDeactivateUser: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminReactivateUser: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminSetQuotas: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminSetRole: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminSetEmail: { "200": AdminUserAnswer, "default": ErrorAnswer },
  adminListTokens: { "200": AdminTokensAnswer, "default": ErrorAnswer },
  adminRevokeTokens: { "200": Answer, "default": ErrorAnswer },
  adminRevokeToken: { "200": Answer, "default": ErrorAnswer },
  adminListClients: { "200": ClientsAnswer, "default": ErrorAnswer },
  adminCreateClient: { "200": ClientTokenAnswer, "default": ErrorAnswer },
  adminDeleteClient: { "200": Answer, "default": ErrorAnswer },
  adminRotateClient: { "200": ClientTokenAnswer, "default": ErrorAnswer },
  adminRevokeSignIns: { "200": RevokedSignInsAnswer, "default": ErrorAnswer },
  adminListJobs: { "200": AdminJobsAnswer, "default": ErrorAnswer },
  adminStopJob: { "200": Answer, "default": ErrorAnswer },
  adminListLaunches: { "200": UnknownLaunchesAnswer, "default": ErrorAnswer },
  adminEndLaunch: { "200": Answer, "default": ErrorAnswer },
  adminListWorkspaces: { "200": AdminWorkspacesAnswer, "default": ErrorAnswer },
  adminGetDirectory: { "200": DirectoryAnswer, "default": ErrorAnswer },
  adminSetDirectory: { "200": DirectoryAnswer, "default": ErrorAnswer },
  adminListAudit: { "200": AuditAnswer, "default": ErrorAnswer },
  listJobTypes: { "200": JobTypesAnswer, "default": ErrorAnswer },
  listParameters: { "200": ParametersAnswer, "default": ErrorAnswer },
  listResources: { "200": ResourcesAnswer, "default": ErrorAnswer },
  getLimits: { "200": LimitsAnswer, "default": ErrorAnswer },
  getStatus: { "200": StatusAnswer, "default": ErrorAnswer },
  getHealth: { "200": Answer, "default": ErrorAnswer },
  getReadiness: { "200": Answer, "503": ErrorAnswer, "default": ErrorAnswer },
  getMetrics: { "default": ErrorAnswer },
  openSession: { "default": ErrorAnswer },
} as const;
